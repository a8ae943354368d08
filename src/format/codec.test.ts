import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../base/bytes.ts";
import { ByteReader, ByteWriter } from "./codec.ts";
import type { BlobId } from "./ids.ts";
import { idOfText } from "./ids.ts";

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

test("C5: every field is kept whole where it is written as the value moves to larger memory", () => {
  const id = idOfText<BlobId>("000102030405060708090a0b0c0d0e0f");
  for (let before = 0; before <= 300; before++) {
    for (const capacity of [16, 100, 256]) {
      const writer = new ByteWriter(capacity).raw(new Uint8Array(before));
      writer.id(id).u8(1).u16(2).u32(3).u64(4).varint(500).boolean(true).text("text é");
      const reader = new ByteReader(writer.finish(), "value");
      reader.skip(before);
      assert.equal(reader.id(), id, `an id behind ${before} bytes`);
      const numbers = [reader.u8(), reader.u16(), reader.u32(), reader.u64(), reader.varint()];
      assert.deepEqual(numbers, [1, 2, 3, 4, 500]);
      assert.deepEqual([reader.boolean(), reader.text()], [true, "text é"]);
    }
  }
});
