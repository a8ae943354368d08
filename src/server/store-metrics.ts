import type { Metrics, Sample } from "../admin/metrics.ts";
import { sizeBounds } from "../base/size-counts.ts";
import type { Background, BackgroundStatistics } from "../control/background.ts";
import type { ClassHolding } from "../control/extents/class-tally.ts";
import type { Census } from "../control/extents/extent-census.ts";
import type { IndexSnapshots } from "../control/index-snapshots.ts";
import type { LevelCount } from "../control/extents/redundancy-tally.ts";
import type { HeldIndexBytes } from "../control/kept-snapshots.ts";
import { restorableFromMs } from "../control/restore-window.ts";
import type { IndexVerification } from "../control/index-verification.ts";
import type { Engine, EngineStatistics } from "../engine/engine.ts";
import type { IndexDamage } from "../engine/index-damage.ts";
import type { ExtentWriter, ExtentWriterStatistics } from "../extent/extent-writer.ts";
import type { RestoreWindowRow } from "../format/restore-window-row.ts";
import type { Clock } from "../platform/platform.ts";
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

/** The snapshots of the index, and the log behind them. */
export function sampleSnapshots(
  metrics: Metrics,
  snapshots: Pick<IndexSnapshots, "statistics">,
): void {
  const gauge = (name: string, help: string, read: () => number): void =>
    metrics.sampled("gauge", `holdfast_index_${name}`, help, () => [[[], read()]]);
  metrics.sampled(
    "gauge",
    "holdfast_index_logged",
    "1 if every commit of the index is in a log on several disks.",
    () => {
      const { isLogged } = snapshots.statistics;
      return isLogged === undefined ? [] : [[[], isLogged ? 1 : 0]];
    },
  );
  gauge(
    "log_bytes",
    "Bytes of the log that making the index again would read.",
    () => snapshots.statistics.logBytes,
  );
  gauge(
    "snapshot_copies",
    "Data directories that have the newest snapshot of the index.",
    () => snapshots.statistics.copies,
  );
  gauge(
    "snapshot_timestamp_seconds",
    "When the newest snapshot of the index was begun; 0: there is none.",
    () => (snapshots.statistics.createdMs ?? 0) / 1000,
  );
  gauge(
    "snapshot_rows",
    "Rows written of the snapshot that is being made.",
    () => snapshots.statistics.rowsSoFar ?? 0,
  );
  metrics.sampled(
    "counter",
    "holdfast_index_snapshots_total",
    "Snapshots of the index, by outcome.",
    () => [
      [["written"], snapshots.statistics.finished],
      [["failed"], snapshots.statistics.failures],
    ],
    ["outcome"],
  );
}

export interface RestoreWindowFigures {
  readonly row: () => RestoreWindowRow | undefined;
  readonly oldestMs: () => number | undefined;
  readonly clock: Pick<Clock, "now">;
  readonly held: () => Census["redundancy"]["held"] | undefined;
  /** What is held of the index's log and snapshots. */
  readonly heldIndex: () => HeldIndexBytes | undefined;
}

/** What is kept for a restore to a time of before, and from when on; nothing where it is off. */
export function sampleRestoreWindow(metrics: Metrics, figures: RestoreWindowFigures): void {
  const gauge = (
    name: string,
    help: string,
    read: (row: RestoreWindowRow) => number | undefined,
  ): void => {
    const sample = (): Sample[] => {
      const row = figures.row();
      const value = row && read(row);
      return value === undefined ? [] : [[[], value]];
    };
    metrics.sampled("gauge", `holdfast_restore_${name}`, help, sample);
  };
  gauge("window_seconds", "What was freed is kept for so long.", ({ windowMs }) => windowMs / 1000);
  gauge("from_timestamp_seconds", "The index can be restored to any time since (Unix).", (row) => {
    const oldestMs = figures.oldestMs();
    if (oldestMs === undefined) return undefined;
    return Math.max(restorableFromMs(row, figures.clock.now()), oldestMs) / 1000;
  });
  const levels = (): (readonly [string, LevelCount])[] => Object.entries(figures.held() ?? {});
  const ofLevels = (name: string, help: string, read: (count: LevelCount) => number): void => {
    const sample = (): Sample[] => levels().map(([level, count]) => [[level], read(count)]);
    metrics.sampled("gauge", `holdfast_restore_${name}`, help, sample, ["level"]);
  };
  ofLevels(
    "held_extents",
    "Extents that only the restore window keeps, by their redundancy, as last counted.",
    ({ extents }) => extents,
  );
  ofLevels(
    "held_extent_bytes",
    "Bytes of the files of these extents, on all disks.",
    ({ bytes }) => bytes,
  );
  metrics.sampled(
    "gauge",
    "holdfast_restore_held_bytes",
    "Bytes on all disks that only the restore window keeps: files of extents, commit log, snapshots.",
    () => heldBytes(levels(), figures.heldIndex()),
    ["what"],
  );
}

function heldBytes(
  levels: readonly (readonly [string, LevelCount])[],
  index: HeldIndexBytes | undefined,
): Sample[] {
  const bytes = levels.reduce((sum, [, count]) => sum + count.bytes, 0);
  return [
    ...(levels.length === 0 ? [] : [[["extents"], bytes] as const]),
    ...(index === undefined
      ? []
      : [[["log"], index.logBytes] as const, [["snapshots"], index.snapshotBytes] as const]),
  ];
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
  extents(
    "narrower_total",
    "Extents opened with fewer members than wanted, since too few disks could be written.",
    "extentsNarrower",
  );
  extents(
    "left_behind_total",
    "Members of extents that did not follow the others in time, and are to be repaired.",
    "membersLeftBehind",
  );
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
  metrics.sampled(
    "gauge",
    "holdfast_disk_file_system",
    "1, with the file system that each data directory is on; those on one share its space.",
    () =>
      writer.statistics().disks.flatMap(({ name, fileSystem }) => {
        return fileSystem === undefined ? [] : [[[name, fileSystem], 1] as const];
      }),
    ["disk", "file_system"],
  );
}

/** Counts of background work: name, help, and the counter. */
const backgroundCounts: readonly (readonly [
  name: string,
  help: string,
  field: keyof BackgroundStatistics["counters"],
])[] = [
  ["sessions_fenced", "Sessions of dead processes ended.", "sessionsFenced"],
  ["extents_sealed", "Extents of dead writers sealed.", "extentsSealed"],
  ["garbage_rows_drained", "Garbage rows drained.", "garbageRowsDrained"],
  ["extents_reconciled", "Extents reconciled with the index.", "extentsReconciled"],
  ["extents_compacted", "Extents compacted: their live records were moved.", "extentsCompacted"],
  ["extents_merged", "Small extents whose records were merged with others.", "extentsMerged"],
  ["extents_encoded", "Extents written anew as shards.", "extentsEncoded"],
  ["encoded_bytes", "Bytes read and written to encode extents.", "bytesEncoded"],
  [
    "members_removed",
    "Files removed that were no members of their extent any more.",
    "membersRemoved",
  ],
  ["members_repaired", "Members made again or moved to another disk.", "membersRepaired"],
  ["repaired_bytes", "Bytes of these members.", "bytesRepaired"],
  ["members_scrubbed", "Members that scrubbing read and verified.", "membersScrubbed"],
  ["scrubbed_bytes", "Bytes of these members.", "bytesScrubbed"],
  ["members_found_bad", "Members that scrubbing found not as written.", "membersFoundBad"],
  ["extents_compared", "Extents whose copies were compared, as some differed.", "extentsCompared"],
  [
    "copies_found_wrong",
    "Copies that are valid by themselves, but not what the other copies and the index say.",
    "copiesFoundWrong",
  ],
  ["extents_dropped", "Extents removed.", "extentsDropped"],
  ["dropped_bytes", "Bytes of extents removed.", "bytesDropped"],
  ["records_moved", "Records moved by compaction.", "recordsMoved"],
  ["moved_bytes", "Bytes moved by compaction.", "bytesMoved"],
  ["corruptions", "Extents, manifests or records that were not as written.", "corruptions"],
  ["buckets_reopened", "Bucket deletions that a crash interrupted, undone.", "bucketsReopened"],
  [
    "bucket_versioning_finished",
    "Changes of bucket versioning that a crash interrupted, finished.",
    "versioningFinished",
  ],
  ["fences_removed", "Leftover fences of buckets removed.", "fencesRemoved"],
  ["uploads_ended", "Unfinished uploads ended because they were idle.", "uploadsEnded"],
  ["strays_removed", "Stray files removed.", "straysRemoved"],
  [
    "files_kept",
    "Files of dropped extents kept because their header did not prove whose they are.",
    "filesKept",
  ],
];

/** Metrics of the background work, and the state of each kind of it. */
export function sampleBackground(metrics: Metrics, background: Background): void {
  for (const [name, help, field] of backgroundCounts) {
    const read = (): number => background.statistics().counters[field];
    metrics.sampled("counter", `holdfast_background_${name}_total`, help, read);
  }
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
  const ofClasses = (name: string, help: string, read: (holding: ClassHolding) => number): void => {
    const sample = (): readonly Sample[] =>
      (last()?.classes ?? []).map((one) => [[one.storageClass, one.scheme], read(one)]);
    metrics.sampled("gauge", `holdfast_class_${name}`, help, sample, ["class", "scheme"]);
  };
  ofClasses(
    "alive_bytes",
    "Live bytes of sealed extents, by storage class and the scheme that they are kept in.",
    ({ aliveBytes }) => aliveBytes,
  );
  ofClasses(
    "disk_bytes",
    "Bytes of all files of these extents, by storage class and scheme.",
    ({ diskBytes }) => diskBytes,
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
    "Live bytes of extents, without those of missing ones; open ones count as far as they are written.",
    ({ bytes, deadBytes, lostBytes }) => bytes - deadBytes - lostBytes.missing,
  );
  gauge(
    "extents_dead_bytes",
    "Dead bytes of extents, which compaction frees.",
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
