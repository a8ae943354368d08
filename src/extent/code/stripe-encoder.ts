import { assert, must } from "../../base/assert.ts";
import { type Ready, whenReady } from "../../base/ready.ts";
import type { Code } from "../../erasure/code.ts";
import { combineShards } from "../../erasure/combine.ts";
import { blockBytes } from "../../format/limits.ts";
import { blockChecksums } from "../../format/record.ts";
import type { Platform } from "../../platform/platform.ts";

/** What one shard gets of some stripes. */
export interface ShardBytes {
  readonly bytes: Uint8Array;
  /** The checksum of each block. */
  readonly checksums: readonly number[];
  /** Gives the memory back; the bytes are not to be used any more. */
  readonly free: () => void;
}

/** Deals whole stripes of a striped extent to its shards (format/shard.ts), with their parities. */
export class StripeEncoder {
  readonly code: Code;
  readonly #platform: Pick<Platform, "hash" | "combiner" | "memory">;

  constructor(platform: Pick<Platform, "hash" | "combiner" | "memory">, code: Code) {
    this.code = code;
    this.#platform = platform;
  }

  /** Bytes of the content in each stripe. */
  get stripeBytes(): number {
    return this.code.data * blockBytes;
  }

  /**
   * The bytes of all shards in order, copied from the vectors, which are whole stripes together.
   * StoreError as of the combiner: then nothing has to be given back.
   */
  encode(vectors: readonly Uint8Array[]): Ready<ShardBytes[]> {
    const bytes = vectors.reduce((sum, { length }) => sum + length, 0);
    assert(bytes % this.stripeBytes === 0, "a part of a stripe");
    const { combiner, memory } = this.#platform;
    const { data, shards, encoding } = this.code;
    const shardBytes = bytes / data;
    const allocated = Array.from({ length: shards }, () => {
      return memory.allocate(allocationFor(shardBytes));
    });
    const free = (): void => allocated.forEach((one) => memory.free(one));
    const all = allocated.map((one) => one.subarray(0, shardBytes));
    this.#deal(vectors, all);
    let combined: Promise<void> | undefined;
    try {
      combined = combineShards(combiner, encoding, all.slice(data), all.slice(0, data));
    } catch (error) {
      free();
      throw error;
    }
    if (combined === undefined) return this.#described(all, allocated);
    return whenReady(
      combined.catch((error: unknown) => {
        free();
        throw error;
      }),
      () => this.#described(all, allocated),
    );
  }

  #described(all: readonly Uint8Array[], allocated: readonly Uint8Array[]): ShardBytes[] {
    const { hash, memory } = this.#platform;
    return all.map((bytes, shard) => ({
      bytes,
      checksums: blockChecksums(hash, bytes),
      free: () => memory.free(must(allocated[shard], "memory for each shard")),
    }));
  }

  #deal(vectors: readonly Uint8Array[], shards: readonly Uint8Array[]): void {
    const { data } = this.code;
    let offset = 0;
    for (const vector of vectors) {
      for (let at = 0; at < vector.length;) {
        const block = Math.floor(offset / blockBytes);
        const within = offset % blockBytes;
        const part = vector.subarray(at, at + blockBytes - within);
        const target = must(shards[block % data], "a data shard");
        const start = Math.floor(block / data) * blockBytes + within;
        this.#platform.memory.copy(part, target, start);
        at += part.length;
        offset += part.length;
      }
    }
  }
}

/**
 * Memory that threads share is given back by size, so it is taken in few sizes: powers of two, the
 * smallest being a block.
 */
function allocationFor(bytes: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(bytes, blockBytes)));
}
