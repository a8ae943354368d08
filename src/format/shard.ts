import { assert } from "../base/assert.ts";
import { StoreError } from "../base/errors.ts";
import type { Hash } from "../platform/hash.ts";
import { ByteReader, ByteWriter } from "./codec.ts";
import type { ShardScheme } from "./extent-row.ts";
import { blockBytes, extentHeaderBytes } from "./limits.ts";

/*
 * How the bytes of a coded extent lie in its shards. The content of an extent, its records behind
 * the header, is cut into units, which are dealt to the data shards in turn; zeros fill up the last
 * round of them. References to records stay as they are. The file of a shard is
 *
 *     0       two header slots, as of every member
 *     8192    its units one behind the other, or as many bytes of a parity
 *     …       block table: the checksum of every 64 KiB of that
 *
 * An extent that is encoded at rest is dealt in one round, each data shard getting one unit as long
 * as itself: so a record lies in one shard, seldom in two. One that is coded while it is written is
 * striped, its length being unknown: the units are blocks of 64 KiB, and a round of them is a
 * stripe. There is a gap before the block table of such a shard, as long as the most that its
 * writer writes at once: so a write that was under way when others sealed the extent, and comes
 * late, ends before the table.
 *
 * The checksum of the table stands in the extent's row, so that a shard of an older writing is
 * noticed although it is a valid one.
 */

/** Units begin at multiples of this in the content, so that they can be written past the cache. */
const unitAlignment = 4096;

export interface ShardGeometry {
  /** Bytes of the content. */
  readonly contentBytes: number;
  /** The number of data shards. */
  readonly data: number;
  readonly unitBytes: number;
  /** Bytes of each shard, data or parity. */
  readonly shardBytes: number;
  /** Blocks of a shard; its last one may be shorter. */
  readonly blocks: number;
  /** Bytes between these and the table, which mean nothing. */
  readonly gapBytes: number;
  /** Where the block table begins in the file. */
  readonly tableOffset: number;
  readonly fileBytes: number;
}

/** The geometry for an extent of this length, its header included. */
export function shardGeometry(scheme: ShardScheme, length: number): ShardGeometry {
  const { data, isStriped = false, gapBlocks = 0 } = scheme;
  // One that is coded while it is written may end before anything was.
  assert(isStriped || length > extentHeaderBytes, "an extent without content is not encoded");
  const contentBytes = Math.max(0, length - extentHeaderBytes);
  const unitBytes = isStriped
    ? blockBytes
    : Math.ceil(contentBytes / data / unitAlignment) * unitAlignment;
  const shardBytes = Math.ceil(contentBytes / (data * unitBytes)) * unitBytes;
  const blocks = Math.ceil(shardBytes / blockBytes);
  const gapBytes = gapBlocks * blockBytes;
  // holds: C1 late-writes-end-before-tables
  const tableOffset = extentHeaderBytes + shardBytes + gapBytes;
  const fileBytes = tableOffset + shardTableBytes(blocks);
  const places = { shardBytes, blocks, gapBytes, tableOffset, fileBytes };
  return { contentBytes, data, unitBytes, ...places };
}

/**
 * The most that a striped extent can hold whose shards' files are so long, as long as enough of
 * them go on. Where somebody began to seal it, gap and table count in, and hold no record.
 */
export function stripedLength({ data }: ShardScheme, fileBytes: readonly number[]): number {
  const blocks = fileBytes
    .map((bytes) => Math.floor(Math.max(0, bytes - extentHeaderBytes) / blockBytes))
    .sort((a, b) => b - a);
  return extentHeaderBytes + (blocks[data - 1] ?? 0) * data * blockBytes;
}

/** A stretch of one data shard. */
export interface ShardRange {
  readonly member: number;
  /** Where it begins, in the content of the shard. */
  readonly start: number;
  readonly end: number;
}

/**
 * Where the bytes start <= i < end of an extent lie, in order. They are offsets as references have
 * them, from the header on, and lie within the extent's length.
 */
export function shardRanges(geometry: ShardGeometry, start: number, end: number): ShardRange[] {
  const { contentBytes, data, unitBytes } = geometry;
  assert(extentHeaderBytes <= start && start <= end, "range before the content");
  assert(end <= extentHeaderBytes + contentBytes, "range behind the content");
  const ranges: ShardRange[] = [];
  for (let at = start - extentHeaderBytes; at < end - extentHeaderBytes;) {
    const unit = Math.floor(at / unitBytes);
    const within = at - unit * unitBytes;
    const bytes = Math.min(end - extentHeaderBytes - at, unitBytes - within);
    const first = Math.floor(unit / data) * unitBytes + within;
    ranges.push({ member: unit % data, start: first, end: first + bytes });
    at += bytes;
  }
  return ranges;
}

const magic = 0x48465354; // "HFST"
const version = 1;
/** Magic, checksum, version, count. */
const tableHeadBytes = 4 + 4 + 1 + 4;

export function shardTableBytes(blocks: number): number {
  return tableHeadBytes + 4 * blocks;
}

/** The block table and its checksum, from the checksums of the blocks (record.ts). */
export function encodeShardTable(
  hash: Hash,
  blockChecksums: readonly number[],
): { readonly bytes: Uint8Array; readonly checksum: number } {
  const writer = new ByteWriter(shardTableBytes(blockChecksums.length)).u32(magic).u32(0);
  writer.u8(version).u32(blockChecksums.length);
  for (const checksum of blockChecksums) writer.u32(checksum);
  const bytes = writer.finish();
  const checksum = hash.crc32(bytes.subarray(8));
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(4, checksum);
  return { bytes, checksum };
}

/** The checksums of the blocks; StoreError `corrupt` where it is not the table that is meant. */
export function decodeShardTable(
  hash: Hash,
  bytes: Uint8Array,
  expected: { readonly blocks: number; readonly checksum: number },
): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isTable = bytes.length === shardTableBytes(expected.blocks) && view.getUint32(0) === magic;
  const isMeant = isTable && view.getUint32(4) === expected.checksum;
  if (!isMeant || hash.crc32(bytes.subarray(8)) !== expected.checksum) {
    throw new StoreError("corrupt", "shard: its block table is not the one that is meant");
  }
  const reader = new ByteReader(bytes.subarray(8), "block table");
  reader.version(version);
  if (reader.u32() !== expected.blocks) reader.fail("another number of blocks");
  const checksums = Array.from({ length: expected.blocks }, () => reader.u32());
  reader.end();
  return checksums;
}
