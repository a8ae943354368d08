import assert from "node:assert/strict";
import test from "node:test";
import { concatBytes } from "../base/bytes.ts";
import { chunkBytesMax } from "../format/limits.ts";
import { ChunkCutter } from "./chunk-cutter.ts";
import { patterned } from "./testing/bodies.ts";

const whole = patterned(2 * chunkBytesMax + 7);

function cut(bytes: Uint8Array, pieceBytes: number, sizeBytes: number | undefined): Uint8Array[] {
  const cutter = new ChunkCutter(sizeBytes);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    chunks.push(...cutter.push(bytes.subarray(at, at + pieceBytes)));
  }
  return [...chunks, cutter.finish()];
}

test("chunk cutter: full chunks and a last one, whatever the pieces", () => {
  const lengths = [0, 1, chunkBytesMax - 1, chunkBytesMax, chunkBytesMax + 1, whole.length];
  for (const length of lengths) {
    const bytes = whole.subarray(0, length);
    for (const pieceBytes of [65_536, 1_000_003, chunkBytesMax, whole.length]) {
      for (const sizeBytes of [length, undefined]) {
        const chunks = cut(bytes, pieceBytes, sizeBytes);
        assert.deepEqual(concatBytes(chunks), bytes);
        assert.equal(chunks.length, Math.floor(length / chunkBytesMax) + 1);
        assert.ok(chunks.slice(0, -1).every((chunk) => chunk.length === chunkBytesMax));
      }
    }
  }
});

test("chunk cutter: whole chunks and an announced body in one piece are not copied", () => {
  for (const bytes of [whole, whole.subarray(0, 5)]) {
    const chunks = cut(bytes, bytes.length, bytes.length);
    assert.ok(chunks.every((chunk) => chunk.buffer === whole.buffer));
  }
});

test("C6: chunk cutter: a little of much that was announced takes little memory", () => {
  const cutter = new ChunkCutter(chunkBytesMax);
  assert.deepEqual([...cutter.push(whole.subarray(0, 10))], []);
  assert.ok(cutter.finish().buffer.byteLength < chunkBytesMax / 8);
});

test("chunk cutter: pieces that do not last are copied, whole chunks too", () => {
  for (const bytes of [whole, whole.subarray(0, 5)]) {
    const cutter = new ChunkCutter(bytes.length, false);
    const passing = bytes.slice();
    const chunks = [...cutter.push(passing), cutter.finish()];
    passing.fill(0);
    assert.deepEqual(concatBytes(chunks), bytes);
  }
});
