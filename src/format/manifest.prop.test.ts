import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { BlobId, ExtentId } from "./ids.ts";
import { idOfText } from "./ids.ts";
import type { ManifestPart, PartList } from "./manifest.ts";
import { decodeManifest, encodeManifest, openManifest } from "./manifest.ts";

function partOf(number: number, size: number): ManifestPart {
  const ref = { extent: 7 as ExtentId, offset: 8192 * number, length: size, checksum: number };
  return {
    number,
    size,
    md5: new Uint8Array(16).fill(number),
    checksum: undefined,
    blob: idOfText<BlobId>("c".repeat(32)),
    data: { kind: "chunks", chunks: [ref] },
  };
}

function listOf(bytes: Uint8Array): PartList {
  const manifest = openManifest(bytes);
  assert.ok(manifest.kind === "root");
  return manifest.parts;
}

test("manifest: the table of a root finds the part of every byte, and each part where it is", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(sizes, (all) => {
      const parts = all.map((size, index) => partOf(2 * index + 1, size));
      const bytes = encodeManifest({ kind: "root", parts });
      assert.deepEqual(decodeManifest(bytes), { kind: "root", parts });
      const list = listOf(bytes);
      let start = 0;
      for (const [index, part] of parts.entries()) {
        assert.deepEqual(list.get(index), part);
        assert.deepEqual([list.startOf(index), list.endOf(index)], [start, start + part.size]);
        for (let at = start; at < start + part.size; at++) assert.equal(list.indexAt(at), index);
        start += part.size;
      }
      assert.equal(list.indexAt(start), undefined);
    }),
  );
});

test("manifest: of 10,000 parts only those that are asked for are decoded", () => {
  const parts = Array.from({ length: 10_000 }, (_, i) => partOf(i + 1, 1000));
  const bytes = encodeManifest({ kind: "root", parts });
  const entriesStart = 6 + 12 * parts.length;
  const middle = (entriesStart + bytes.length) >> 1;
  bytes.fill(0xff, middle - 2000, middle + 2000);
  const list = listOf(bytes);
  assert.equal(list.indexAt(123_456), 123);
  assert.deepEqual(list.get(123), parts[123]);
  assert.deepEqual(list.get(9999), parts[9999]);
  assert.throws(() => list.slice(0, list.length), { code: "corrupt" });
});

test("manifest: a table that does not fit the manifest is corrupt", () => {
  const bytes = encodeManifest({ kind: "root", parts: [partOf(1, 5), partOf(2, 5)] });
  assert.throws(() => openManifest(bytes.subarray(0, 20)), { code: "corrupt" });
  const behind = bytes.slice();
  behind.fill(0xff, 6 + 8, 6 + 12); // where the first entry begins
  assert.throws(() => listOf(behind).get(0), { code: "corrupt" });
  const backwards = bytes.slice();
  backwards.fill(0, 6 + 12, 6 + 20); // where the second part ends
  assert.throws(() => listOf(backwards).get(1), { code: "corrupt" });
});
