import assert from "node:assert/strict";
import { test } from "node:test";
import { SizeCounts, sizeBounds } from "./size-counts.ts";

test("size counts: each size is in the first class that holds it; the last holds the rest", () => {
  for (let size = 1; size <= 5000; size++) {
    const counts = new SizeCounts();
    counts.add(size);
    const [index, above, sum] = [
      counts.read().indexOf(1),
      counts.read().at(-2),
      counts.read().at(-1),
    ];
    const first = sizeBounds.findIndex((bound) => size <= bound);
    assert.equal(size === 1 ? 0 : index, first < 0 ? sizeBounds.length : first);
    assert.deepEqual([above, sum], [first < 0 ? 1 : 0, size]);
  }
});
