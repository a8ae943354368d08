import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { codeOf } from "./codes.ts";
import { carriedOut, encodedShards, without } from "./testing/shards.ts";

const shipped = fc.constantFrom(
  ...([
    [8, 4],
    [10, 4],
    [4, 2],
    [20, 4],
    [2, 1],
    [3, 2],
  ] as const),
);
const any = fc
  .integer({ min: 2, max: 255 })
  .chain((shards) =>
    fc.integer({ min: 1, max: shards - 1 }).map((data) => [data, shards - data] as const),
  );

for (const [name, sizes, numRuns] of [
  ["the sizes we ship", shipped, 300],
  ["any size", any, 40],
] as const) {
  test(`RS of ${name}: as many losses as parities decode, from the shards preferred, also a range`, () => {
    fc.assert(
      fc.property(sizes, fc.infiniteStream(fc.nat()), fc.nat(), ([data, parity], draws, seed) => {
        const code = codeOf({ code: "rs", data, parity });
        const drawn = Array.from({ length: code.shards }, (_, shard) => ({
          shard,
          rank: draws.next().value,
        }));
        const order = drawn.toSorted((a, b) => a.rank - b.rank).map(({ shard }) => shard);
        const lost = order.slice(0, parity);
        const plan = code.repairPlan(lost, order.slice(parity));
        assert.ok(plan !== undefined);
        assert.deepEqual(plan.reads, order.slice(parity));
        const shards = encodedShards(code, 7, seed).map((bytes) => bytes.subarray(2, 5));
        assert.deepEqual(
          carriedOut(plan, shards),
          lost.map((shard) => shards[shard]),
        );
        const fewer = without(code, [...lost, plan.reads[0]!]);
        assert.equal(code.repairPlan(lost, fewer), undefined, "one more loss");
      }),
      { numRuns },
    );
  });
}
