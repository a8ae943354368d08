import type { Metrics } from "../admin/metrics.ts";
import type {
  ExtentReader,
  ExtentReaderStatistics,
  NamedDiskReads,
} from "../extent/extent-reader.ts";

/** Metrics of reads of extents, and of each disk that is asked. */
export function sampleReader(metrics: Metrics, reader: ExtentReader): void {
  const count = (
    name: string,
    help: string,
    field: Exclude<keyof ExtentReaderStatistics, "disks">,
  ): void =>
    metrics.sampled("counter", `holdfast_read_${name}`, help, () => reader.statistics()[field]);
  count("records_total", "Reads of records.", "reads");
  count("bytes_total", "Payload bytes read.", "bytes");
  count("cache_hits_total", "Reads of records that were answered from memory.", "hits");
  count("corruptions_total", "Answers of disks that were wrong; none was served.", "corruptions");
  count(
    "rerouted_total",
    "Reads that another member was asked for: the first was wrong, failed or late.",
    "rerouted",
  );
  count("decoded_total", "Reads that were decoded from other shards.", "decoded");
  count("hedges_total", "Small reads that a second member was asked for early.", "hedgesSent");
  count("hedges_won_total", "Hedges that answered first.", "hedgesWon");
  const ofDisk = (
    kind: "counter" | "gauge",
    name: string,
    help: string,
    value: (disk: NamedDiskReads) => number,
  ): void =>
    metrics.sampled(
      kind,
      `holdfast_disk_${name}`,
      help,
      () => reader.statistics().disks.map((disk) => [[disk.name], value(disk)]),
      ["disk"],
    );
  ofDisk("counter", "reads_total", "Reads that each disk was asked for.", ({ reads }) => reads);
  ofDisk("counter", "read_errors_total", "Reads that a disk failed.", ({ errors }) => errors);
  ofDisk(
    "counter",
    "read_corruptions_total",
    "Answers of a disk that were wrong.",
    ({ corruptions }) => corruptions,
  );
  ofDisk(
    "counter",
    "reads_slow_total",
    "Answers that took longer than 250 ms, and those that were not waited for.",
    ({ slow }) => slow,
  );
  ofDisk(
    "gauge",
    "read_typical_seconds",
    "The time that a small read of the disk takes of late (median).",
    ({ typicalMs }) => typicalMs / 1000,
  );
  ofDisk("gauge", "reads_under_way", "Reads of a disk under way.", ({ underWay }) => underWay);
  ofDisk("gauge", "reads_waiting", "Reads waiting for a disk.", ({ waiting }) => waiting);
}
