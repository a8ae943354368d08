import { plainCombiner } from "../combine.ts";
import type { Code, ShardPlan } from "../code.ts";

/** All sets of so many of the numbers from 0 to `count` - 1. */
export function* subsets(count: number, size: number, from = 0): Generator<number[]> {
  if (size === 0) return yield [];
  for (let first = from; first <= count - size; first++) {
    for (const rest of subsets(count, size - 1, first + 1)) yield [first, ...rest];
  }
}

/** All shards of data that follows from a number. */
export function encodedShards(code: Code, bytes: number, seed = 1): Uint8Array[] {
  let state = seed;
  const next = (): number => (state = (state * 1_103_515_245 + 12_345) >>> 0) >>> 16;
  const shards = Array.from({ length: code.shards }, (_, shard) =>
    shard < code.data ? Uint8Array.from({ length: bytes }, next) : new Uint8Array(bytes),
  );
  const { wanted, reads, coefficients } = code.encoding;
  plainCombiner.combine(
    wanted.map((shard) => shards[shard]!),
    reads.map((shard) => shards[shard]!),
    coefficients,
  );
  return shards;
}

/** What the plan makes of the shards it reads. */
export function carriedOut(plan: ShardPlan, shards: readonly Uint8Array[]): Uint8Array[] {
  const reads = plan.reads.map((shard) => shards[shard]!);
  const outputs = plan.wanted.map(() => new Uint8Array(reads[0]!.length));
  plainCombiner.combine(outputs, reads, plan.coefficients);
  return outputs;
}

export function without(code: Code, lost: readonly number[]): number[] {
  return Array.from({ length: code.shards }, (_, shard) => shard).filter(
    (shard) => !lost.includes(shard),
  );
}
