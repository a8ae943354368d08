import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteSlab } from "./byte-slab.ts";

test("byte slab: what is taken lies side by side, and in a new array where the old one has no room", () => {
  const slab = new ByteSlab(100);
  const first = slab.bytes;
  assert.deepEqual([slab.take(40), slab.take(60)], [0, 40]);
  assert.equal(slab.bytes, first);
  assert.equal(slab.take(1), 0);
  assert.notEqual(slab.bytes, first);
});

test("byte slab: the last end is given back, any other is not", () => {
  const slab = new ByteSlab(100);
  const { bytes } = slab;
  slab.take(40);
  slab.giveBack(bytes, 10, 40);
  assert.equal(slab.take(20), 10);
  slab.take(20);
  slab.giveBack(bytes, 15, 30);
  assert.equal(slab.take(50), 50, "another lies behind it");
  slab.take(100);
  slab.giveBack(bytes, 60, 100);
  assert.notEqual(slab.take(40), 60, "it was of an earlier array");
});
