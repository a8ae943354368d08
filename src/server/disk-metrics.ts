import type { ShownIndexMove } from "../admin/disk-pages.ts";
import type { Metrics, Sample } from "../admin/metrics.ts";
import type { ExtentCensus } from "../control/extents/extent-census.ts";
import type { DiskCounts } from "../extent/observed-disk.ts";
import type { ExtentReader } from "../extent/extent-reader.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import { labelNames } from "../format/disk-labels.ts";
import type { DiskRow } from "../format/disk-row.ts";
import type { DiskId } from "../format/ids.ts";
import type { DiskFeed } from "./store-core.ts";
import type { DiskFigures } from "./tree-questions.ts";

/** Metrics of the registry of disks, and of what is on them; from one process of the tree. */
export function sampleDisks(
  metrics: Metrics,
  disks: ExtentDisks,
  census: Pick<ExtentCensus, "last" | "emptyInSeconds">,
): void {
  const rows = (): readonly DiskRow[] =>
    [...(disks.rows?.values() ?? [])].filter(({ state }) => state !== "removed");
  const gauge = (
    name: string,
    help: string,
    labels: readonly string[],
    read: (row: DiskRow) => readonly Sample[],
  ): void =>
    metrics.sampled("gauge", `holdfast_disk_${name}`, help, () => rows().flatMap(read), labels);
  gauge(
    "registry_state",
    "1 for what each disk is to the store: active, emptying or out.",
    ["disk", "state"],
    ({ name, state }) => [[[name, state], 1]],
  );
  gauge(
    "labels",
    "1, with the labels of each disk; empty where none is given.",
    ["disk", ...labelNames],
    ({ name, labels }) => [[[name, ...labelNames.map((label) => labels[label] ?? "")], 1]],
  );
  gauge(
    "mounted",
    "1 for each disk of the store that is mounted, 0 for one that is missing.",
    ["disk"],
    ({ disk, name }) => [[[name], disks.disks.some(({ id }) => id === disk) ? 1 : 0]],
  );
  gauge(
    "capacity_bytes",
    "Size of the file system of each disk.",
    ["disk"],
    ({ name, capacityBytes }) => [[[name], capacityBytes]],
  );
  const counted = (row: DiskRow, value: number | undefined): readonly Sample[] =>
    value === undefined ? [] : [[[row.name], value]];
  gauge("extents", "Extents with a file on each disk, as last counted.", ["disk"], (row) =>
    counted(row, census.last?.holdings.get(row.disk)?.extents),
  );
  gauge("extent_bytes", "Bytes of extents on each disk, as last counted.", ["disk"], (row) =>
    counted(row, census.last?.holdings.get(row.disk)?.bytes),
  );
  gauge(
    "empty_in_seconds",
    "Time until a disk that is being emptied is empty, at the present rate.",
    ["disk"],
    (row) => counted(row, census.emptyInSeconds(row.disk)),
  );
}

/** Where the index is, and how it moves to another disk; from one process of the tree. */
export function sampleIndexHome(
  metrics: Metrics,
  disks: ExtentDisks,
  move: () => ShownIndexMove | undefined,
): void {
  metrics.sampled(
    "gauge",
    "holdfast_index_home",
    "1, with the disk that holds the index.",
    () => disks.disks.slice(0, 1).map(({ disk }) => [[disk.name], 1]),
    ["disk"],
  );
  metrics.sampled(
    "gauge",
    "holdfast_index_move",
    "Rows or commits copied where the index moves to another disk, by what is being done.",
    () => {
      const figures = move();
      if (figures === undefined) return [];
      const { to, doing, done } = figures;
      return [[to === undefined ? ["", "waits"] : [to, doing], done]];
    },
    ["to", "doing"],
  );
}

/** Metrics of what this process met on its disks. */
export function sampleDiskCounts(metrics: Metrics, feed: DiskFeed | undefined): void {
  const counter = (name: string, help: string, read: (counts: DiskCounts) => number): void => {
    const sample = (): Sample[] =>
      countsIn(feed).map(({ name: disk, counts }) => [[disk], read(counts)]);
    metrics.sampled("counter", `holdfast_disk_${name}_total`, help, sample, ["disk"]);
  };
  counter("operations", "Operations of each disk's files.", ({ operations }) => operations);
  counter("errors", "Operations of each disk that failed.", ({ errors }) => errors);
  counter(
    "slow_operations",
    "Operations of each disk that took more than 2 seconds.",
    ({ slow }) => slow,
  );
}

/** The faults that this process met on each disk; `damagedOn` counts those that no read met. */
export function faultsIn(
  feed: DiskFeed | undefined,
  reader: ExtentReader,
  damagedOn: (disk: DiskId) => number = () => 0,
): DiskFigures[] {
  const reads = reader.statistics().disks;
  return countsIn(feed).map(({ disk, counts: { errors, slow } }) => {
    const corruptions = reads.find((one) => one.disk === disk)?.corruptions ?? 0;
    const wrong = corruptions + damagedOn(disk);
    const faults = { "failed operations": errors, "slow operations": slow, "wrong answers": wrong };
    return { disk, faults };
  });
}

function countsIn(feed: DiskFeed | undefined) {
  const disks = feed?.mounted.disks ?? [];
  return disks.flatMap(({ id, disk: { name } }) => {
    const counts = feed?.observations.countsOf(id);
    return counts === undefined ? [] : [{ disk: id, name, counts }];
  });
}
