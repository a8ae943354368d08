import assert from "node:assert/strict";
import { test } from "node:test";
import { afterBytes, firstBytes, gatherBytes } from "./byte-parts.ts";

const parts = [[1, 2, 3], [], [4, 5, 6, 7], [8]].map((part) => Uint8Array.from(part));
const whole = Buffer.concat(parts);

test("parts of bytes: cut in two anywhere, they are what they were", () => {
  for (let count = 0; count <= whole.length + 1; count++) {
    assert.deepEqual(Buffer.concat(firstBytes(parts, count)), whole.subarray(0, count));
    assert.deepEqual(Buffer.concat(afterBytes(parts, count)), whole.subarray(count));
  }
});

test("parts of bytes: gathered in their order", () => {
  const target = new Uint8Array(10).fill(9);
  gatherBytes(parts, target);
  assert.deepEqual([...target], [...whole, 9, 9]);
});
