import type { Metrics } from "../admin/metrics.ts";
import type { IndexVerification } from "../control/index-verification.ts";
import type { IndexDamage } from "../engine/index-damage.ts";

/** What damage in the index this process has met. */
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

/** Whether the index is known to be good, and how its verification is doing. */
export function sampleVerification(metrics: Metrics, verification: IndexVerification): void {
  metrics.sampled(
    "gauge",
    "holdfast_index_damaged",
    "1 where damage was seen and the index not found good since: nothing is reclaimed.",
    () => (verification.statistics().isMarked ? 1 : 0),
  );
  metrics.sampled(
    "counter",
    "holdfast_index_verifications_total",
    "Verifications of the whole index that came to their end.",
    () => verification.statistics().finished,
  );
  metrics.sampled(
    "gauge",
    "holdfast_index_verifying_rows",
    "Rows verified by the verification under way; nothing where none is.",
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
  ofLast("verified_rows", "Rows of the last verification.", ({ rows }) => rows);
  ofLast("problems", "Problems that the last verification found.", ({ problems }) => problems);
  ofLast(
    "verified_timestamp_seconds",
    "When the last verification ended.",
    ({ endedMs }) => endedMs / 1000,
  );
}
