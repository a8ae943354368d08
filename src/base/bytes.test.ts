import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  afterKey,
  afterPrefix,
  compareBytes,
  freeBytes,
  fromBase64,
  fromHex,
  noBytes,
  startsWithBytes,
  toBase64,
  toHex,
} from "./bytes.ts";

const bytes = fc.uint8Array({ maxLength: 20 });

test("compareBytes orders as Buffer.compare does", () => {
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      assert.equal(Math.sign(compareBytes(a, b)), Buffer.compare(a, b));
    }),
  );
});

test("afterPrefix: the least key that is greater than all keys with the prefix", () => {
  fc.assert(
    fc.property(bytes, bytes, (prefix, other) => {
      const end = afterPrefix(prefix);
      if (end === undefined) return assert.ok(prefix.every((byte) => byte === 0xff));
      const below = compareBytes(other, end) < 0;
      const inRange = compareBytes(other, prefix) >= 0 && below;
      assert.equal(inRange, startsWithBytes(other, prefix));
    }),
  );
  assert.equal(afterPrefix(Uint8Array.of()), undefined);
});

test("afterKey: nothing fits between a key and the one after it", () => {
  assert.deepEqual(afterKey(Uint8Array.of(1)), Uint8Array.of(1, 0));
});

test("hex and base64 round trip, and refuse what is not that", () => {
  fc.assert(
    fc.property(bytes, (value) => {
      assert.deepEqual(fromHex(toHex(value)), value);
      assert.deepEqual(fromHex(toHex(value).toUpperCase()), value);
      assert.deepEqual(fromBase64(toBase64(value)), value);
    }),
  );
  for (const text of ["0", "0g", "é0", "+1", " 0"]) assert.equal(fromHex(text), undefined, text);
  for (const text of ["A", "AA=", "AB==", "AA==AA==", " AA==", "AA-_"]) {
    assert.equal(fromBase64(text), undefined, text);
  }
});

test("freeing bytes: only what is alone in its memory, and never what is shared", () => {
  const whole = new Uint8Array(10);
  const part = new Uint8Array(10).subarray(0, 9);
  const shared = new Uint8Array(new SharedArrayBuffer(10));
  for (const bytes of [whole, part, shared, noBytes]) freeBytes(bytes);
  assert.deepEqual([whole.length, part.length, shared.length, noBytes.length], [0, 9, 10, 0]);
});
