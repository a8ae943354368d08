import assert from "node:assert/strict";
import test from "node:test";
import { concatBytes } from "../../base/bytes.ts";
import { chunkBytesMax } from "../../format/limits.ts";
import { littleBytesMax } from "./body-budget.ts";
import { createBodyBuffers } from "./body-buffers.ts";
import { ChunkCutter } from "./chunk-cutter.ts";
import { patterned } from "../testing/bodies.ts";

const whole = patterned(2 * chunkBytesMax + 7);

function cutterOf(sizeBytes: number | undefined, piecesLast = true): ChunkCutter {
  const { chunkRooms: rooms } = createBodyBuffers();
  return new ChunkCutter({ rooms, sizeBytes, piecesLast });
}

function cut(bytes: Uint8Array, pieceBytes: number, cutter: ChunkCutter): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const left = cutter.chunkBytes - cutter.filledBytes;
    const piece = bytes.subarray(at, at + Math.min(pieceBytes, left));
    cutter.push(piece);
    at += piece.length;
    if (cutter.filledBytes === chunkBytesMax) chunks.push(cutter.finish().bytes);
  }
  return [...chunks, cutter.finish().bytes];
}

test("chunk cutter: full chunks and a last one, whatever the pieces", () => {
  const lengths = [0, 1, chunkBytesMax - 1, chunkBytesMax, chunkBytesMax + 1, whole.length];
  for (const length of lengths) {
    const bytes = whole.subarray(0, length);
    for (const pieceBytes of [65_536, 1_000_003, chunkBytesMax, whole.length]) {
      for (const sizeBytes of [length, undefined]) {
        const chunks = cut(bytes, pieceBytes, cutterOf(sizeBytes));
        assert.deepEqual(concatBytes(chunks), bytes);
        assert.equal(chunks.length, Math.floor(length / chunkBytesMax) + 1);
        assert.ok(chunks.slice(0, -1).every((chunk) => chunk.length === chunkBytesMax));
      }
    }
  }
});

test("chunk cutter: tells whether a piece is still needed", () => {
  const cutter = cutterOf(whole.length);
  assert.equal(cutter.push(whole.subarray(0, chunkBytesMax)), "kept");
  cutter.finish();
  assert.equal(cutter.push(whole.subarray(0, 5)), "copied");
});

test("chunk cutter: whole chunks and an announced body in one piece are not copied", () => {
  for (const bytes of [whole, whole.subarray(0, 5)]) {
    const chunks = cut(bytes, chunkBytesMax, cutterOf(bytes.length));
    assert.ok(chunks.every((chunk) => chunk.buffer === whole.buffer));
  }
});

test("C6: chunk cutter: a little of much that was announced takes little memory", () => {
  const cutter = cutterOf(chunkBytesMax);
  cutter.push(whole.subarray(0, 10));
  const { bytes, room } = cutter.finish();
  assert.equal(room, undefined);
  assert.ok(bytes.buffer.byteLength <= littleBytesMax);
});

test("chunk cutter: pieces that do not last are copied, whole chunks too", () => {
  for (const bytes of [whole, whole.subarray(0, 5)]) {
    const passing = bytes.slice();
    const chunks = cut(passing, chunkBytesMax, cutterOf(bytes.length, false));
    passing.fill(0);
    assert.deepEqual(concatBytes(chunks), bytes);
  }
});
