import assert from "node:assert/strict";
import { test } from "node:test";
import { afterBytes, firstBytes, gatherBytes } from "./byte-vectors.ts";

const vectors = [[1, 2, 3], [], [4, 5, 6, 7], [8]].map((vector) => Uint8Array.from(vector));
const whole = Buffer.concat(vectors);

test("vectors of bytes: cut in two anywhere, they are what they were", () => {
  for (let count = 0; count <= whole.length + 1; count++) {
    assert.deepEqual(Buffer.concat(firstBytes(vectors, count)), whole.subarray(0, count));
    assert.deepEqual(Buffer.concat(afterBytes(vectors, count)), whole.subarray(count));
  }
});

test("vectors of bytes: gathered in their order", () => {
  const target = new Uint8Array(10).fill(9);
  gatherBytes(vectors, target);
  assert.deepEqual([...target], [...whole, 9, 9]);
});
