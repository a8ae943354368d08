import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createHash } from "../node/platform/hash.ts";
import type { ShardScheme } from "./extent-row.ts";
import { blockBytes, extentBytesMax, extentHeaderBytes, extentHeaderSlotBytes } from "./limits.ts";
import { recordBytes } from "./record.ts";
import { decodeShardTable, encodeShardTable, shardGeometry, shardRanges } from "./shard.ts";

const hash = createHash();
const schemeOf = (data: number): ShardScheme => ({ kind: "coded", code: "rs", data, parity: 2 });
const stripedOf = (data: number): ShardScheme => ({ ...schemeOf(data), isStriped: true });

test("shards: every byte of the content lies at one place of one data shard, in order", () => {
  const cases = fc.tuple(
    fc.integer({ min: 1, max: 20 }),
    fc.integer({ min: 1, max: 3_000_000 }),
    fc.nat(),
    fc.nat(),
  );
  fc.assert(
    fc.property(cases, ([data, contentBytes, one, other]) => {
      const geometry = shardGeometry(schemeOf(data), extentHeaderBytes + contentBytes);
      assert.ok(geometry.shardBytes * data >= contentBytes);
      assert.ok(geometry.shardBytes % 4096 === 0);
      const [start, end] = [one % contentBytes, other % contentBytes].toSorted((a, b) => a - b);
      let at = start!;
      const ranges = shardRanges(geometry, extentHeaderBytes + start!, extentHeaderBytes + end!);
      for (const range of ranges) {
        assert.equal(range.member * geometry.shardBytes + range.start, at);
        assert.ok(range.member < data && range.start < range.end);
        assert.ok(range.end <= geometry.shardBytes);
        at += range.end - range.start;
      }
      assert.equal(at, end);
    }),
  );
});

test("shards: of a striped extent every block in turn lies in another shard, also before its length is known", () => {
  const cases = fc.tuple(
    fc.integer({ min: 1, max: 20 }),
    fc.integer({ min: 1, max: 9_000_000 }),
    fc.nat(),
    fc.nat(),
  );
  fc.assert(
    fc.property(cases, ([data, contentBytes, one, other]) => {
      const geometry = shardGeometry(stripedOf(data), extentHeaderBytes + contentBytes);
      const longer = shardGeometry(stripedOf(data), extentHeaderBytes + 2 * contentBytes);
      assert.equal(geometry.shardBytes % blockBytes, 0);
      assert.ok(geometry.shardBytes * data >= contentBytes);
      assert.ok((geometry.shardBytes - blockBytes) * data < contentBytes);
      const [start, end] = [one % contentBytes, other % contentBytes].toSorted((a, b) => a - b);
      const places = [extentHeaderBytes + start!, extentHeaderBytes + end!] as const;
      const ranges = shardRanges(geometry, ...places);
      assert.deepEqual(shardRanges(longer, ...places), ranges);
      let at = start!;
      for (const range of ranges) {
        const stripe = Math.floor(range.start / blockBytes);
        const within = range.start % blockBytes;
        assert.equal((stripe * data + range.member) * blockBytes + within, at);
        assert.ok(range.member < data && range.start < range.end);
        assert.ok(range.end <= (stripe + 1) * blockBytes && range.end <= geometry.shardBytes);
        at += range.end - range.start;
      }
      assert.equal(at, end);
    }),
  );
});

test("shards: objects of 4 KiB take at most 1.38 of their bytes in full extents of LRC(12,2,2)", () => {
  const scheme: ShardScheme = { kind: "coded", code: "lrc", data: 12, parity: 4 };
  const bytes = recordBytes(15, 4096);
  const ratioOf = (extentBytes: number): number => {
    const records = Math.floor((extentBytes - extentHeaderBytes) / bytes);
    const { fileBytes } = shardGeometry(scheme, extentHeaderBytes + records * bytes);
    // The second header slot is not written before the epoch of a shard is raised: a hole.
    const diskBytes = Math.ceil(fileBytes / 4096) * 4096 - extentHeaderSlotBytes;
    return (16 * diskBytes) / (records * 4096);
  };
  assert.ok(ratioOf(extentBytesMax) < 1.3784);
  assert.ok(ratioOf(85e6) < 1.38);
  assert.equal(ratioOf(42e6).toFixed(3), "1.382", "as was measured");
});

test("shards: a block table decodes only as the one that is meant", () => {
  const checksums = [1, 0xffff_ffff, 3];
  const { bytes, checksum } = encodeShardTable(hash, checksums);
  assert.deepEqual(decodeShardTable(hash, bytes, { blocks: 3, checksum }), checksums);
  const other = encodeShardTable(hash, [1, 2, 3]);
  const corrupt = { name: "StoreError", code: "corrupt" };
  assert.throws(() => decodeShardTable(hash, other.bytes, { blocks: 3, checksum }), corrupt);
  assert.throws(() => decodeShardTable(hash, bytes, { blocks: 2, checksum }), corrupt);
  for (let i = 0; i < bytes.length; i++) {
    const flipped = bytes.slice();
    flipped[i]! ^= 1;
    assert.throws(() => decodeShardTable(hash, flipped, { blocks: 3, checksum }), corrupt);
  }
});
