import { equalBytes } from "../base/bytes.ts";
import { StoreError } from "../base/errors.ts";
import { assert } from "../base/assert.ts";
import type { Hash } from "../platform/hash.ts";
import { ByteReader, ByteWriter, setU32 } from "./codec.ts";
import type { BlobId, BucketId, ExtentId, SessionId, UploadId } from "./ids.ts";
import { blockBytes, chunkBytesMax, keyBytesMax, recordAlignment } from "./limits.ts";
import { noId } from "./ids.ts";

/*
 * A record is one chunk in an extent: a header that names what the chunk belongs to and carries a
 * checksum for each block of the payload, then the payload, then zeros up to a multiple of eight.
 *
 *     magic        4   "HFRC"
 *     checksum     4   CRC-32 of the rest of the header
 *     header bytes 2   of the whole header
 *     version      1
 *     kind         1   1 data, 2 manifest, 3 padding
 *     payload      4   bytes
 *     extent       8   where this record believes itself to be:
 *     offset       8     a misplaced write is noticed
 *     session      8   who wrote it
 *     bucket       8
 *     blob        16
 *     upload      16   zeros: none
 *     part         2   0: not a part
 *     chunk        4   index within the blob
 *     encryption  24   reserved, zeros: how the payload is encrypted
 *     key bytes    2
 *     key
 *     block checksums  4 each: the lower half of XXH3 (64 bits) of every 64 KiB of the payload
 *
 * Padding belongs to nothing: where an extent is coded while it is written it fills up what is
 * written at once to a whole stripe (shard.ts), so that whoever walks the extent meets no holes.
 *
 * The header's checksum covers the block checksums, and the reference in the index repeats the
 * header's checksum: so a range read verifies the header and just the blocks it returns, and a
 * wrong but valid record is noticed.
 */

/** The place in this list, from 1, is the stored number; only ever append. */
const kinds = ["data", "manifest", "padding"] as const;
export type RecordKind = (typeof kinds)[number];

/**
 * The blob and the place in it that a record belongs to; given by the writer, checked by the
 * reader.
 */
export interface RecordIdentity {
  readonly kind: RecordKind;
  readonly bucket: BucketId;
  readonly key: Uint8Array;
  readonly blob: BlobId;
  readonly upload: UploadId | undefined;
  readonly part: number;
  readonly chunk: number;
}

/** What padding says of itself. */
export const paddingIdentity: RecordIdentity = {
  kind: "padding",
  bucket: 0 as BucketId, // no bucket has it
  key: new Uint8Array(0),
  blob: noId,
  upload: undefined,
  part: 0,
  chunk: 0,
};

/** True if two identities are of the same record. */
export function isSameIdentity(one: RecordIdentity, other: RecordIdentity): boolean {
  return (
    one.kind === other.kind &&
    one.bucket === other.bucket &&
    one.blob === other.blob &&
    one.upload === other.upload &&
    one.part === other.part &&
    one.chunk === other.chunk &&
    equalBytes(one.key, other.key)
  );
}

export interface RecordPlace {
  readonly extent: ExtentId;
  readonly offset: number;
  readonly session: SessionId;
}

export interface RecordHeader extends RecordIdentity, RecordPlace {
  readonly headerBytes: number;
  readonly payloadBytes: number;
  readonly checksum: number;
  readonly blockChecksums: readonly number[];
}

/** The first bytes of a record: "HFRC". */
export const recordMagic = 0x48465243;
const version = 3;
/** The oldest that is read; it had no padding. */
const oldestVersion = 2;
const encryptionBytes = 24;
const notEncrypted = new Uint8Array(encryptionBytes);

/** Header bytes before key and block checksums. */
const recordFixedBytes =
  4 + 4 + 2 + 1 + 1 + 4 + 8 + 8 + 8 + 8 + 16 + 16 + 2 + 4 + encryptionBytes + 2;

/** @limit Enough for any record's header. */
export const recordHeaderBytesMax =
  recordFixedBytes + keyBytesMax + 4 * Math.ceil(chunkBytesMax / blockBytes);

/** Length in bytes of the header of a record, which follows from its key and payload. */
export function recordHeaderBytes(keyBytes: number, payloadBytes: number): number {
  return recordFixedBytes + keyBytes + 4 * Math.ceil(payloadBytes / blockBytes);
}

/** Bytes a record takes in its extent: header, payload and padding. */
export function recordBytes(keyBytes: number, payloadBytes: number): number {
  const bytes = recordHeaderBytes(keyBytes, payloadBytes) + payloadBytes;
  return Math.ceil(bytes / recordAlignment) * recordAlignment;
}

/** @limit Less than this cannot be filled with padding: the header of a record. */
export const paddingBytesMin = Math.ceil(recordFixedBytes / recordAlignment) * recordAlignment;

/** The payload of a padding record that takes just so many bytes: a multiple of eight. */
export function paddingPayloadBytes(bytes: number): number {
  assert(bytes >= paddingBytesMin && bytes % recordAlignment === 0, "no padding fills this");
  const rest = bytes - recordFixedBytes;
  return Math.max(0, rest - 4 * Math.ceil(rest / (blockBytes + 4)));
}

export function blockChecksums(hash: Hash, payload: Uint8Array): number[] {
  const out: number[] = [];
  for (let at = 0; at < payload.length; at += blockBytes) {
    out.push(hash.blockChecksum(payload.subarray(at, at + blockBytes)));
  }
  return out;
}

/** The header's bytes, and its checksum for the reference. */
export function encodeRecordHeader(
  hash: Hash,
  identity: RecordIdentity,
  place: RecordPlace,
  payload: { readonly bytes: number; readonly blockChecksums: readonly number[] },
): { bytes: Uint8Array; checksum: number } {
  assert(identity.key.length <= keyBytesMax, "key too long for a record");
  assert(payload.bytes <= chunkBytesMax, "payload too long for a record");
  assert(place.offset % recordAlignment === 0, "record not aligned");
  const headerBytes = recordHeaderBytes(identity.key.length, payload.bytes);
  const writer = new ByteWriter(headerBytes).u32(recordMagic).u32(0);
  writer
    .u16(headerBytes)
    .u8(version)
    .u8(kinds.indexOf(identity.kind) + 1)
    .u32(payload.bytes);
  writer.u64(place.extent).u64(place.offset).u64(place.session).u64(identity.bucket);
  writer.id(identity.blob).id(identity.upload ?? noId);
  writer.u16(identity.part).u32(identity.chunk).raw(notEncrypted);
  writer.u16(identity.key.length).raw(identity.key);
  for (const checksum of payload.blockChecksums) writer.u32(checksum);
  const bytes = writer.finish();
  assert(bytes.length === headerBytes, "record header of unexpected length");
  const checksum = hash.crc32(bytes.subarray(8));
  setU32(bytes, 4, checksum);
  return { bytes, checksum };
}

/**
 * Decodes the header at the start of `bytes`, which may go on behind it. StoreError `corrupt` where
 * there is none or its checksum does not match. Whether it is the *right* record, `isSameIdentity`
 * and the reference tell.
 */
export function decodeRecordHeader(hash: Hash, bytes: Uint8Array): RecordHeader {
  const what = "record header";
  const reader = new ByteReader(bytes, what);
  if (reader.u32() !== recordMagic) reader.fail("no record begins here");
  const checksum = reader.u32();
  const headerBytes = reader.u16();
  if (headerBytes < recordFixedBytes || headerBytes > bytes.length)
    reader.fail("impossible length");
  if (hash.crc32(bytes.subarray(8, headerBytes)) !== checksum) reader.fail("checksum mismatch");
  if (reader.version(version) < oldestVersion)
    reader.fail("a record of a version that is not read");
  const kind = kinds[reader.u8() - 1] ?? reader.fail("a record of an unknown kind");
  const payloadBytes = reader.u32();
  const extent = reader.u64() as ExtentId; // the fields' places say which ids they are
  const offset = reader.u64();
  const session = reader.u64() as SessionId;
  const bucket = reader.u64() as BucketId;
  const blob = reader.id<BlobId>();
  const upload = reader.id<UploadId>();
  const part = reader.u16();
  const chunk = reader.u32();
  reader.raw(encryptionBytes);
  const key = reader.raw(reader.u16());
  const blocks: number[] = [];
  for (let i = 0; i < Math.ceil(payloadBytes / blockBytes); i++) blocks.push(reader.u32());
  if (recordHeaderBytes(key.length, payloadBytes) !== headerBytes) reader.fail("length mismatch");
  return {
    kind,
    bucket,
    key,
    blob,
    upload: upload === noId ? undefined : upload,
    part,
    chunk,
    extent,
    offset,
    session,
    headerBytes,
    payloadBytes,
    checksum,
    blockChecksums: blocks,
  };
}

/**
 * Verifies payload blocks, the first of which is block `firstBlock`; each but the last of the
 * payload is whole.
 */
export function verifyBlocks(
  hash: Hash,
  header: RecordHeader,
  firstBlock: number,
  bytes: Uint8Array,
): void {
  for (let at = 0, block = firstBlock; at < bytes.length; at += blockBytes, block++) {
    if (hash.blockChecksum(bytes.subarray(at, at + blockBytes)) !== header.blockChecksums[block]) {
      const where = `extent ${header.extent}, record at ${header.offset}, block ${block}`;
      throw new StoreError("corrupt", `${where}: checksum mismatch`);
    }
  }
}
