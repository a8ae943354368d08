import type { Metrics, Sample } from "../admin/metrics.ts";
import type { Background } from "../control/background.ts";
import type { ObjectCount } from "../control/extents/object-census.ts";
import type { Census } from "../control/extents/extent-census.ts";
import type { IndexScrubStatistics } from "../control/redundancy/index-scrub.ts";
import type { DiskId } from "../format/ids.ts";
import type { ScrubRow } from "../format/scrub-row.ts";
import type { LevelCount } from "../control/extents/redundancy-tally.ts";
import { leftUntilWhole } from "../control/redundancy/wholeness.ts";
import { dividedLevels } from "../placement/survival.ts";
import type { ClientLoad } from "./client-load.ts";

/** Metrics of how far data is from its redundancy, and of the repair of it. */
export function sampleRedundancy(
  metrics: Metrics,
  last: () => Census | undefined,
  background: Pick<Background, "statistics">,
): void {
  const ofLevels = (name: string, help: string, read: (count: LevelCount) => number): void => {
    const sample = (): Sample[] =>
      Object.entries(last()?.redundancy.levels ?? {}).map(([level, count]) => {
        return [[level], read(count)];
      });
    metrics.sampled("gauge", `holdfast_redundancy_${name}`, help, sample, ["level"]);
  };
  ofLevels(
    "extents",
    "Extents at full, reduced and no redundancy, and unreadable ones, as last counted.",
    ({ extents }) => extents,
  );
  ofLevels("bytes", "Live bytes of these extents.", ({ bytes }) => bytes);
  metrics.sampled(
    "gauge",
    "holdfast_survived_losses",
    "How many domains of each level may be lost now, whichever they are, without losing data.",
    () => survivedLosses(last()),
    ["level", "domains"],
  );
  const gauge = (name: string, help: string, read: () => number | undefined): void => {
    const sample = (): Sample[] => {
      const value = read();
      return value === undefined ? [] : [[[], value]];
    };
    metrics.sampled("gauge", `holdfast_${name}`, help, sample);
  };
  gauge(
    "short_extents",
    "Extents with members that are not whole or not the same, or whose disk is not there, as last counted.",
    () => last()?.redundancy.shortExtents,
  );
  gauge(
    "waiting_extents",
    "Short extents that lack only what is on disks that are away, and may come back.",
    () => last()?.redundancy.waitingExtents,
  );
  gauge(
    "narrow_extents",
    "Extents with fewer copies than new ones have, as last counted: they are written anew.",
    () => last()?.redundancy.narrowExtents,
  );
  const repair = () => background.statistics().repair;
  gauge("repair_extents", "Extents with members to be made.", () => repair().extents);
  gauge("repair_left_bytes", "Bytes of members to be made.", () => repair().bytesLeft);
  gauge("repair_stuck", "Members to be made that no disk takes.", () => repair().stuck);
  gauge("repair_looking", "1 while extents to be repaired are looked for.", () =>
    Number(repair().isLooking),
  );
  gauge("repair_paused", "1 while repair is paused.", () => Number(repair().isPaused));
  gauge("repair_left_seconds", "Time until repair is done; absent while that is not known.", () => {
    const leftMs = leftUntilWhole(repair(), last()?.redundancy);
    return leftMs === undefined ? undefined : leftMs / 1000;
  });
  gauge(
    "encoding_extents",
    "Extents to be written anew as shards, as far as they were found.",
    () => background.statistics().extentsToEncode,
  );
}

/** Metrics of how many objects are at which level; nothing until they were counted. */
export function sampleObjects(metrics: Metrics, last: () => ObjectCount | undefined): void {
  metrics.sampled(
    "gauge",
    "holdfast_redundancy_objects",
    "Objects, older versions among them, at full, reduced and no redundancy, and unreadable ones.",
    () => Object.entries(last()?.levels ?? {}).map(([level, count]) => [[level], count]),
    ["level"],
  );
  metrics.sampled(
    "gauge",
    "holdfast_redundancy_objects_timestamp_seconds",
    "When these objects were counted.",
    () => {
      const count = last();
      return count === undefined ? [] : [[[], count.countedMs / 1000]];
    },
  );
}

function survivedLosses(census: Census | undefined): Sample[] {
  const survival = census?.redundancy.survival;
  if (survival === undefined) return [];
  return dividedLevels(survival).map(({ level, domains, losses }) => {
    return [[level, String(domains)], losses];
  });
}

/** Metrics of how far the members on each disk were read and verified. */
export function sampleScrubs(metrics: Metrics, background: Pick<Background, "statistics">): void {
  const ofScrubs = (name: string, help: string, read: (row: ScrubRow) => number): void => {
    const sample = (): Sample[] =>
      background.statistics().scrub.disks.map(({ name: disk, row }) => [[disk], read(row)]);
    metrics.sampled("gauge", `holdfast_disk_scrub_${name}`, help, sample, ["disk"]);
  };
  ofScrubs(
    "read_since_seconds",
    "All members of the disk were read and verified since this time (Unix); 0 if not all were yet.",
    ({ readSinceMs }) => readSinceMs / 1000,
  );
  ofScrubs("members", "Members read in the round under way.", ({ members }) => members);
  ofScrubs("bad", "Members found bad in the round under way.", ({ bad }) => bad);
  ofScrubs(
    "passed_over",
    "Members passed over in the round under way, since they could not be read.",
    ({ passedOver }) => passedOver,
  );
  ofScrubs("bytes", "Bytes of members read in the round under way.", ({ bytes }) => bytes);
  metrics.sampled("gauge", "holdfast_scrub_paused", "1 while scrub is paused.", () =>
    Number(background.statistics().scrub.isPaused),
  );
}

type Progress = NonNullable<IndexScrubStatistics["row"]>;

/** Metrics of how far the copies of the commit log and of the index's snapshots were verified. */
export function sampleIndexScrub(
  metrics: Metrics,
  background: Pick<Background, "statistics">,
): void {
  const gauge = (name: string, help: string, read: (row: Progress) => number): void => {
    const sample = (): Sample[] => {
      const row = background.statistics().indexScrub?.row;
      return row === undefined ? [] : [[[], read(row)]];
    };
    metrics.sampled("gauge", `holdfast_index_scrub_${name}`, help, sample);
  };
  gauge(
    "read_since_seconds",
    "All copies of the commit log and of snapshots were read and verified since this time (Unix); 0 if not all were yet.",
    ({ readSinceMs }) => readSinceMs / 1000,
  );
  gauge("bytes", "Bytes of these copies read in the round under way.", ({ bytes }) => bytes);
  gauge("bad", "Copies that were not whole in the round under way.", ({ bad }) => bad);
  gauge("mended", "Copies made anew in the round under way.", ({ mended }) => mended);
  gauge(
    "lost",
    "Gaps in the log, and snapshots without a good copy, in the round under way.",
    ({ lost }) => lost,
  );
  metrics.sampled(
    "counter",
    "holdfast_index_copies_damaged_total",
    "Copies of the commit log and of snapshots on all disks that were found damaged.",
    () => {
      const { damaged = new Map<DiskId, number>() } = background.statistics().indexScrub ?? {};
      return damaged.values().reduce((sum, count) => sum + count, 0);
    },
  );
}

/** Metrics of what background work reads and writes, and of the budget it has for that. */
export function sampleTransfers(
  metrics: Metrics,
  background: Pick<Background, "statistics">,
  clientLoad: Pick<ClientLoad, "lastKnown">,
): void {
  const transfers = () => background.statistics().transfers;
  metrics.sampled(
    "counter",
    "holdfast_background_transferred_bytes_total",
    "Bytes of members of extents that each background task read and wrote.",
    () =>
      transfers().flatMap(({ name, bytesRead, bytesWritten }) => [
        [[name, "read"], bytesRead],
        [[name, "write"], bytesWritten],
      ]),
    ["task", "direction"],
  );
  metrics.sampled(
    "gauge",
    "holdfast_background_bandwidth_bytes_per_second",
    "Bytes that each background task moves in a second at full speed, as measured.",
    () =>
      transfers().flatMap(({ name, bytesPerSecondMax }) => {
        return bytesPerSecondMax === undefined ? [] : [[[name], bytesPerSecondMax]];
      }),
    ["task"],
  );
  metrics.sampled(
    "gauge",
    "holdfast_client_load",
    "Part of the time with requests of clients under way, as background work saw it last.",
    () => clientLoad.lastKnown,
  );
}
