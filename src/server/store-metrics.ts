import type { Metrics, Sample } from "../admin/metrics.ts";
import { sizeBounds } from "../base/size-counts.ts";
import type { Background, BackgroundStatistics } from "../control/background.ts";
import type { Census } from "../control/extents/extent-census.ts";
import type { IndexVerification } from "../control/index-verification.ts";
import type { Engine, EngineStatistics } from "../engine/engine.ts";
import type { IndexDamage } from "../engine/index-damage.ts";
import type { ExtentWriter, ExtentWriterStatistics } from "../extent/extent-writer.ts";
import type { AnswerBudget } from "../object/read/answer-budget.ts";
import type { BodyBudget } from "../object/write/body-budget.ts";
import type { RequestsPerKey } from "../s3/request/requests-per-key.ts";
import type { RequestMetrics } from "./request-metrics.ts";

/** Metrics that engines and the extent writer count themselves. */
export function sampleStore(
  metrics: Metrics,
  engines: ReadonlyMap<string, Engine>,
  writer: ExtentWriter,
): void {
  const index = (
    kind: "counter" | "gauge",
    name: string,
    help: string,
    field: Exclude<keyof EngineStatistics, "changesPerTransaction">,
  ): void => {
    const read = (): Sample[] =>
      [...engines].map(([id, engine]) => [[id], engine.statistics()[field]]);
    metrics.sampled(kind, `holdfast_index_${name}`, help, read, ["engine"]);
  };
  index("counter", "commits_total", "Changes committed to the index.", "commits");
  index("counter", "transactions_total", "Durable transactions of the index.", "transactions");
  index("counter", "conflicts_total", "Changes refused because a check failed.", "conflicts");
  index("gauge", "bytes", "Size of the index on disk.", "bytesOnDisk");
  metrics.sampledHistogram(
    "holdfast_index_transaction_changes",
    "Changes that shared a durable transaction of the index.",
    sizeBounds,
    () =>
      [...engines].flatMap(([id, engine]) => {
        const values = engine.statistics().changesPerTransaction;
        return values === undefined ? [] : [{ labels: [id], values }];
      }),
    ["engine"],
  );
  sampleWriter(metrics, writer);
}

function sampleWriter(metrics: Metrics, writer: ExtentWriter): void {
  const extents = (
    name: string,
    help: string,
    field: Exclude<keyof ExtentWriterStatistics, "disks" | "recordsPerSync">,
  ): void =>
    metrics.sampled("counter", `holdfast_extent_${name}`, help, () => writer.statistics()[field]);
  extents("records_total", "Records appended.", "records");
  extents("syncs_total", "Syncs of extent files.", "syncs");
  metrics.sampledHistogram(
    "holdfast_extent_sync_records",
    "Records that shared a sync.",
    sizeBounds,
    () => [{ labels: [], values: writer.statistics().recordsPerSync }],
  );
  extents("bytes_total", "Bytes appended.", "bytes");
  extents("opened_total", "Extents opened.", "extentsOpened");
  extents("failures_total", "Writes and syncs that failed.", "failures");
  extents(
    "lost_total",
    "Extents whose file was removed, replaced or damaged while this process wrote it.",
    "extentsLost",
  );
  extents(
    "files_in_the_way_total",
    "Files found at the path of a new extent; each was left as it is.",
    "filesInTheWay",
  );
  metrics.sampled(
    "gauge",
    "holdfast_disk_state",
    "1 for the state of each data directory: ok, or the reason why it takes no writes.",
    () => writer.statistics().disks.map(({ name, condition }) => [[name, condition], 1]),
    ["disk", "state"],
  );
  metrics.sampled(
    "gauge",
    "holdfast_disk_free_bytes",
    "Free bytes in the file system of each data directory.",
    () => writer.statistics().disks.map(({ name, bytesFree }) => [[name], bytesFree]),
    ["disk"],
  );
}

/** Metrics of the background work, and the state of each kind of it. */
export function sampleBackground(metrics: Metrics, background: Background): void {
  const count = (
    name: string,
    help: string,
    field: keyof BackgroundStatistics["counters"],
  ): void => {
    const read = (): number => background.statistics().counters[field];
    metrics.sampled("counter", `holdfast_background_${name}_total`, help, read);
  };
  count("sessions_fenced", "Sessions of dead processes ended.", "sessionsFenced");
  count("extents_sealed", "Extents of dead writers sealed.", "extentsSealed");
  count("garbage_rows_drained", "Garbage rows drained.", "garbageRowsDrained");
  count("extents_reconciled", "Extents reconciled with the index.", "extentsReconciled");
  count(
    "extents_compacted",
    "Extents compacted: their live records were moved.",
    "extentsCompacted",
  );
  count("extents_merged", "Small extents whose records were merged with others.", "extentsMerged");
  count("extents_dropped", "Extents removed.", "extentsDropped");
  count("dropped_bytes", "Bytes of extents removed.", "bytesDropped");
  count("records_moved", "Records moved by compaction.", "recordsMoved");
  count("moved_bytes", "Bytes moved by compaction.", "bytesMoved");
  count("corruptions", "Extents, manifests or records that were not as written.", "corruptions");
  count(
    "buckets_reopened",
    "Bucket deletions that a crash interrupted, undone.",
    "bucketsReopened",
  );
  count(
    "bucket_versioning_finished",
    "Changes of bucket versioning that a crash interrupted, finished.",
    "versioningFinished",
  );
  count("fences_removed", "Leftover fences of buckets removed.", "fencesRemoved");
  count("uploads_ended", "Unfinished uploads ended because they were idle.", "uploadsEnded");
  count("strays_removed", "Stray files removed.", "straysRemoved");
  count(
    "files_kept",
    "Files of dropped extents kept because their header did not prove whose they are.",
    "filesKept",
  );
  metrics.sampled(
    "gauge",
    "holdfast_extent_strays_kept",
    "Stray files that nothing removes, as last counted.",
    () => {
      const { straysKept } = background.statistics();
      return straysKept === undefined ? [] : [[[], straysKept]];
    },
  );
  metrics.sampled(
    "gauge",
    "holdfast_background_state",
    "1 for the state of each background task.",
    () => background.statistics().tasks.map(({ name, state }) => [[name, state], 1]),
    ["task", "state"],
  );
  metrics.sampled(
    "counter",
    "holdfast_background_failures_total",
    "Steps of background work that failed.",
    () => background.statistics().tasks.map(({ name, failures }) => [[name], failures]),
    ["task"],
  );
}

/** How much there is; nothing until it was counted for the first time. */
export function sampleCensus(metrics: Metrics, last: () => Census | undefined): void {
  metrics.sampled(
    "gauge",
    "holdfast_extents",
    "Extents in each state, as last counted.",
    () => Object.entries(last()?.extents ?? {}).map(([state, count]) => [[state], count]),
    ["state"],
  );
  metrics.sampled(
    "gauge",
    "holdfast_extents_lost",
    "Extents whose file is missing or damaged, or whose disk is missing, as last counted.",
    () => Object.entries(last()?.lost ?? {}).map(([state, count]) => [[state], count]),
    ["state"],
  );
  metrics.sampled(
    "gauge",
    "holdfast_extents_lost_bytes",
    "Live bytes of extents whose file is missing or damaged.",
    () => Object.entries(last()?.lostBytes ?? {}).map(([state, bytes]) => [[state], bytes]),
    ["state"],
  );
  const gauge = (name: string, help: string, read: (census: Census) => number): void => {
    const sample = (): readonly Sample[] => {
      const census = last();
      return census === undefined ? [] : [[[], read(census)]];
    };
    metrics.sampled("gauge", `holdfast_${name}`, help, sample);
  };
  gauge(
    "extents_alive_bytes",
    "Live bytes of sealed extents, without those of missing extents.",
    ({ bytes, deadBytes, lostBytes }) => bytes - deadBytes - lostBytes.missing,
  );
  gauge(
    "extents_dead_bytes",
    "Dead bytes of sealed extents, which compaction frees.",
    ({ deadBytes }) => deadBytes,
  );
  gauge(
    "garbage_rows",
    "Garbage rows that wait to be drained, counted up to 100,000.",
    ({ garbageRows }) => garbageRows,
  );
}

/** Metrics of the damage in the index that this process has met. */
export function sampleIndexDamage(metrics: Metrics, damage: IndexDamage): void {
  metrics.sampled(
    "counter",
    "holdfast_index_damage_seen_total",
    "Reads, commits and verifications of the index that met damage.",
    () => damage.statistics.seen,
  );
  metrics.sampled(
    "counter",
    "holdfast_index_rows_skipped_total",
    "Rows that listings left out because they are damaged.",
    () => damage.statistics.rowsSkipped,
  );
}

/**
 * Metrics of the index's verification: if it is known to be good, and how far the verification is.
 */
export function sampleVerification(metrics: Metrics, verification: IndexVerification): void {
  metrics.sampled(
    "gauge",
    "holdfast_index_damaged",
    "1 if the index was seen damaged and not verified since; then no space is reclaimed.",
    () => (verification.statistics().isMarked ? 1 : 0),
  );
  metrics.sampled(
    "counter",
    "holdfast_index_verifications_total",
    "Completed verifications of the whole index.",
    () => verification.statistics().finished,
  );
  metrics.sampled(
    "gauge",
    "holdfast_index_verifying_rows",
    "Rows verified so far by the verification under way; absent if there is none.",
    () => {
      const { isUnderWay, rowsSoFar } = verification.statistics();
      return isUnderWay ? [[[], rowsSoFar]] : [];
    },
  );
  const ofLast = (
    name: string,
    help: string,
    value: (last: { endedMs: number; rows: number; problems: number }) => number,
  ): void =>
    metrics.sampled("gauge", `holdfast_index_${name}`, help, () => {
      const { last } = verification.statistics();
      return last === undefined ? [] : [[[], value(last)]];
    });
  ofLast("verified_rows", "Rows verified by the last verification.", ({ rows }) => rows);
  ofLast("problems", "Problems found by the last verification.", ({ problems }) => problems);
  ofLast(
    "verified_timestamp_seconds",
    "Time at which the last verification ended.",
    ({ endedMs }) => endedMs / 1000,
  );
}

export interface Admission {
  readonly requests: RequestMetrics;
  readonly perKey: RequestsPerKey;
  readonly bodies: BodyBudget;
  readonly answers: AnswerBudget;
}

/** Metrics of the limits that hold requests back, and how much of them is in use. */
export function sampleAdmission(metrics: Metrics, admission: Admission): void {
  const { requests, perKey, bodies, answers } = admission;
  metrics.sampled(
    "counter",
    "holdfast_slow_downs_total",
    "SlowDown answers to requests that were read, by reason: requests of the access key, memory for uploads, " +
      "or other (queues of disks and index, many writers of one key).",
    () => {
      const other = requests.slowDowns - perKey.refused - bodies.refused;
      return [
        [["requests_per_key"], perKey.refused],
        [["upload_memory"], bodies.refused],
        [["other"], Math.max(0, other)],
      ];
    },
    ["reason"],
  );
  const gauge = (name: string, help: string, read: () => number): void =>
    metrics.sampled("gauge", `holdfast_${name}`, help, read);
  gauge("upload_memory_bytes", "Memory in use by uploads under way.", () => bodies.used);
  gauge("upload_memory_waiting", "Uploads that wait for memory.", () => bodies.waiting);
  gauge("answer_memory_bytes", "Memory in use by answers under way.", () => answers.used);
  gauge("access_keys_active", "Access keys with requests under way.", () => perKey.keys);
}
