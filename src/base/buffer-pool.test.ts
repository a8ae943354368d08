import assert from "node:assert/strict";
import { test } from "node:test";
import { BufferPool } from "./buffer-pool.ts";

function poolOf(keptMax: number) {
  let created = 0;
  const create = (bytes: number) => new Uint8Array(bytes).fill(++created);
  return new BufferPool({ bufferBytes: 8, keptMax, create });
}

test("buffer pool: what was given back is handed out again, and never twice", () => {
  const pool = poolOf(2);
  const [a, b] = [pool.take(), pool.take()];
  assert.notEqual(a, b);
  pool.give(a);
  assert.equal(pool.take(), a);
  assert.notEqual(pool.take(), a);
});

test("C6: buffer pool: keeps no more than it may", () => {
  const pool = poolOf(2);
  const taken = Array.from({ length: 5 }, () => pool.take());
  for (const buffer of taken) pool.give(buffer);
  assert.equal(pool.freeBuffers, 2);
});

test("buffer pool: a piece of a buffer is not taken for one", () => {
  const pool = poolOf(2);
  assert.throws(() => {
    pool.give(pool.take().subarray(1));
  });
});
