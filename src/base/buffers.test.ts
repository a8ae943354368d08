import assert from "node:assert/strict";
import { test } from "node:test";
import { BufferPool, ByteSlab } from "./buffers.ts";

function poolOf(keptMax: number, discard?: (buffer: Uint8Array) => void) {
  let created = 0;
  const create = (bytes: number) => new Uint8Array(bytes).fill(++created);
  return new BufferPool({ bufferBytes: 8, keptMax, create, discard });
}

test("buffer pool: what was given back is handed out again, and never twice", () => {
  const pool = poolOf(2);
  const [a, b] = [pool.take(), pool.take()];
  assert.notEqual(a, b);
  pool.give(a);
  assert.equal(pool.take(), a);
  assert.notEqual(pool.take(), a);
});

test("C6: buffer pool: keeps no more than it may, and discards the others", () => {
  const discarded: Uint8Array[] = [];
  const pool = poolOf(2, (buffer) => void discarded.push(buffer));
  const taken = Array.from({ length: 5 }, () => pool.take());
  for (const buffer of taken) pool.give(buffer);
  assert.equal(pool.freeBuffers, 2);
  assert.deepEqual(discarded, taken.slice(2));
});

test("buffer pool: a piece of a buffer is not taken for one", () => {
  const pool = poolOf(2);
  assert.throws(() => {
    pool.give(pool.take().subarray(1));
  });
});

test("byte slab: slots lie next to each other, in a new array where the old one is full", () => {
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
