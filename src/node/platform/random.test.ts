import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../../base/bytes.ts";
import { createRandom } from "./random.ts";

test("random bytes come in every length, and none comes twice", () => {
  const random = createRandom();
  for (const count of [0, 1, 8, 4095, 4096, 4097, 10_000]) {
    assert.equal(random.bytes(count).length, count);
  }
  // 2,000 times 16 bytes: the pool is filled again seven times.
  const drawn = Array.from({ length: 2000 }, () => random.bytes(16));
  assert.equal(new Set(drawn.map(toHex)).size, drawn.length);
  const zeros = drawn.flatMap((bytes) => [...bytes]).filter((byte) => byte === 0).length;
  assert.ok(zeros < 300, `${zeros} of 32,000 bytes are zero`);
});
