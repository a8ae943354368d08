import assert from "node:assert/strict";
import { test } from "node:test";
import { Content } from "./content.ts";

const content = new Content(7);
const whole = (key: string, size: number): Buffer => Buffer.concat([...content.pieces(key, size)]);

function compare(key: string, size: number, bytes: Buffer, offset = 0, step = 70_001): boolean {
  const comparison = content.comparison(key, size, offset);
  for (let at = 0; at < bytes.length; at += step) comparison.push(bytes.subarray(at, at + step));
  return comparison.same;
}

test("content: an object's own bytes match in any pieces, a range of them too", () => {
  for (const size of [0, 1, 4096, 5_000_000]) {
    const bytes = whole("a", size);
    assert.equal(bytes.length, size);
    assert.ok(compare("a", size, bytes));
    assert.ok(compare("a", size, bytes, 0, size + 1));
  }
  const range = whole("a", 5_000_000).subarray(1_234_567, 3_456_789);
  assert.ok(compare("a", 5_000_000, range, 1_234_567));
  assert.deepEqual(
    Buffer.concat([...content.pieces("a", 5_000_000, 1_234_567, range.length)]),
    range,
  );
});

test("content: one wrong bit, another object's bytes, another place or seed are noticed", () => {
  const bytes = whole("a", 3_000_000);
  for (const at of [0, 69_999, 1_048_573, 2_999_999]) {
    const wrong = Buffer.from(bytes);
    wrong[at]! ^= 1;
    assert.ok(!compare("a", bytes.length, wrong), `byte ${at}`);
  }
  assert.ok(!compare("a", 4096, whole("b", 4096)));
  assert.ok(!compare("a", 4096, whole("a", 8192).subarray(0, 4096)));
  const mebibyte = 1024 * 1024;
  const swapped = [bytes.subarray(mebibyte, 2 * mebibyte), bytes.subarray(0, mebibyte)];
  assert.ok(!compare("a", bytes.length, Buffer.concat(swapped)));
  const other = new Content(8).comparison("a", 4096);
  other.push(whole("a", 4096));
  assert.ok(!other.same);
});
