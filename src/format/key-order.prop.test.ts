import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareBytes } from "../base/bytes.ts";
import { orderedKeyBytesMax, readOrderedKey, writeOrderedKey } from "./key-order.ts";
import { keyBytesMax } from "./limits.ts";

/** Runs of one byte, so that long NUL runs and the borders between escapes are met all the time. */
const run = fc
  .record({
    byte: fc.constantFrom(0, 0, 0, 1, 0x80, 0xff),
    count: fc.oneof(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 98, max: 103 }),
      fc.integer({ min: 198, max: 303 }),
    ),
  })
  .map(({ byte, count }) => new Uint8Array(count).fill(byte));
const key = fc
  .oneof(
    fc.array(run, { maxLength: 6 }).map((runs) => Uint8Array.from(runs.flatMap((r) => [...r]))),
    fc.uint8Array({ maxLength: keyBytesMax }),
  )
  .map((bytes) => bytes.subarray(0, keyBytesMax));
/** Pairs that agree for a while: where order is decided late. */
const pair = fc
  .tuple(key, key, fc.nat(keyBytesMax))
  .map(([a, b, agree]): [Uint8Array, Uint8Array] => {
    const head = a.subarray(0, agree);
    return [a, Uint8Array.of(...head, ...b).subarray(0, keyBytesMax)];
  });

function ordered(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(orderedKeyBytesMax(bytes.length));
  return out.subarray(0, writeOrderedKey(bytes, out, 0));
}

test("ordered keys: what is read is what was written, and ends where it ended", () => {
  fc.assert(
    fc.property(key, fc.uint8Array({ maxLength: 4 }), (bytes, behind) => {
      const form = ordered(bytes);
      const read = readOrderedKey(Uint8Array.of(...form, ...behind), 0);
      assert.deepEqual(read, { key: bytes, end: form.length });
    }),
    { numRuns: 500 },
  );
});

test("ordered keys: compare as their keys do, whatever stands behind them", () => {
  fc.assert(
    fc.property(
      pair,
      fc.uint8Array({ maxLength: 4 }),
      fc.uint8Array({ maxLength: 4 }),
      (keys, x, y) => {
        const [a, b] = keys;
        const order = Math.sign(compareBytes(a, b));
        const [first, second] = [
          Uint8Array.of(...ordered(a), ...x),
          Uint8Array.of(...ordered(b), ...y),
        ];
        assert.equal(
          Math.sign(compareBytes(first, second)),
          order === 0 ? Math.sign(compareBytes(x, y)) : order,
        );
      },
    ),
    { numRuns: 2000 },
  );
});

test("ordered keys: no form begins another, and none is longer than stated", () => {
  fc.assert(
    fc.property(pair, ([a, b]) => {
      const [first, second] = [ordered(a), ordered(b)];
      assert.ok(first.length <= orderedKeyBytesMax(a.length));
      if (compareBytes(a, b) === 0) return;
      assert.notDeepEqual(second.subarray(0, first.length), first);
    }),
    { numRuns: 1000 },
  );
});

test("ordered keys: all short keys over the bytes that matter sort as they should", () => {
  const bytes = [0, 1, 0x64, 0x80, 0x9b, 0xfe, 0xff];
  let keys: Uint8Array[] = [new Uint8Array(0)];
  for (let length = 0; length < 4; length++) {
    keys = [...keys, ...keys.flatMap((k) => bytes.map((byte) => Uint8Array.of(...k, byte)))];
  }
  const forms = keys.toSorted(compareBytes).map(ordered);
  for (let i = 1; i < forms.length; i++) assert.ok(compareBytes(forms[i - 1]!, forms[i]!) <= 0);
});

test("ordered keys: bytes that no key has are corrupt", () => {
  for (const bytes of [
    [],
    [1],
    [1, 0],
    [0, 0x65],
    [0, 0x81],
    [0, 0x9a],
    [0, 0xff, 1, 0, 0],
    [0, 0x80],
  ]) {
    assert.throws(() => readOrderedKey(Uint8Array.from(bytes), 0), { code: "corrupt" });
  }
});
