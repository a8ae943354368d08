import { must } from "../../base/assert.ts";
import type { BucketId } from "../../format/ids.ts";
import type { EnginePartition, PartitionFinder } from "./engine-partition.ts";
import { isInRange, overlapsBucket } from "./routed-form.ts";

/**
 * Which partition holds which keys, as far as this process knows. A commit that meets another epoch
 * has it looked up again.
 */
export class PartitionMap implements PartitionFinder {
  /** The partitions in key order. */
  #partitions: readonly EnginePartition[] = [];

  get partitions(): readonly EnginePartition[] {
    return this.#partitions;
  }

  add(partition: EnginePartition): void {
    this.#partitions = [...this.#partitions, partition];
  }

  partitionOf(routed: Uint8Array): EnginePartition {
    const found = this.#partitions.find(({ range }) => isInRange(range, routed));
    return must(found, "the partition map has a gap");
  }

  partitionsOf(bucket: BucketId): readonly EnginePartition[] {
    return this.#partitions.filter(({ range }) => overlapsBucket(range, bucket));
  }

  /** Renews all partitions: a boundary that moved has moved for two. */
  async renew(): Promise<void> {
    for (const partition of this.#partitions) await partition.renew();
  }
}
