import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../base/bytes.ts";
import { ByteWriter } from "./codec.ts";

test("writer: values written at the same time, longer or shorter than expected, do not touch each other", () => {
  const writers = Array.from({ length: 300 }, (_, n) => new ByteWriter(65 + (n % 200)));
  const wanted = writers.map((_, n) => (n * 37) % 400);
  const values: Uint8Array[] = [];
  for (const [n, writer] of writers.entries()) {
    for (let i = 0; i < wanted[n]!; i++) writer.u8(n % 256);
    if (n % 3 !== 0) values[n] = writer.finish();
    // And one that is begun and ended in the place that the others left.
    const between = new ByteWriter().text("between").finish();
    assert.equal(toHex(between), "076265747765656e");
  }
  for (const [n, writer] of writers.entries()) values[n] ??= writer.finish();
  for (const [n, value] of values.entries()) {
    assert.equal(value.length, wanted[n]);
    assert.ok(value.every((byte) => byte === n % 256));
  }
});

test("writer: what is written after the end goes nowhere near the values behind it", () => {
  const writer = new ByteWriter(100).u8(1);
  const value = writer.finish();
  const next = new ByteWriter(100).u32(0).finish();
  writer.u32(0xffffffff);
  assert.deepEqual([...value, ...next], [1, 0, 0, 0, 0]);
});
