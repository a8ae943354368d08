import { StoreError } from "../base/errors.ts";
import { compareBytes } from "../base/bytes.ts";
import type { Hash } from "../platform/hash.ts";
import { ByteReader, ByteWriter, getU32, setU32 } from "./codec.ts";
import type { ChangeId } from "./ids.ts";

/*
 * A record of the commit log: what one group commit changed in the index. Its place in the order of
 * all commits is a sequence number, and it names the record before it by that one's checksum, so
 * the records of all processes make one chain whatever segments they stand in.
 *
 *     magic 4 | length 4 | checksum 16 | version 1 | fields … | zeros up to a multiple of 512
 *
 * The length is that of the whole record with its zeros; the checksum is XXH3 (128 bits) of all
 * behind it. A record fills whole sectors, so that writing one never rewrites another.
 */

/** A place in the chain of commits: the last record that an index has. */
export interface LogPosition {
  /** Counts the group commits of the store. */
  readonly sequence: number;
  /** The record's checksum; the next one repeats it. */
  readonly checksum: Uint8Array;
}

/** What one change did; its id is the stamp of the rows that it put. */
export interface LoggedChange {
  readonly id: ChangeId;
  readonly puts: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[];
  readonly deletes: readonly Uint8Array[];
}

export interface CommitRecord {
  readonly sequence: number;
  /** The checksum of the record with the number before. */
  readonly previous: Uint8Array;
  /** The generation that its process began with; with `instantUs` it says which of two is later. */
  readonly generation: number;
  /** Microseconds on a clock that all processes of one start of the machine share. */
  readonly instantUs: number;
  /** The time for people, and for going back to one. */
  readonly wallMs: number;
  readonly changes: readonly LoggedChange[];
}

/** What stands at the front of a record, without its changes. */
export interface CommitRecordHead extends Omit<CommitRecord, "changes"> {
  readonly checksum: Uint8Array;
  /** The length with the zeros behind it. */
  readonly bytes: number;
}

const magic = 0x48464c52; // "HFLR"
const version = 1;
const checksumAt = 8;
export const positionChecksumBytes = 16;
const coveredAt = checksumAt + positionChecksumBytes;
/** No device writes a part of this. */
export const commitRecordAlign = 512;
/** Magic, length, checksum, version and the fields before the changes. */
export const commitRecordHeadBytes = coveredAt + 1 + 8 + positionChecksumBytes + 8 + 8 + 8;

/**
 * @limit A log that begins anew leaves so many sequences out: more than one segment has records,
 * which of 64 MiB are 131,072 of 512 bytes.
 */
export const leftOutSequences = 1_000_000;

/** The position of an index that never had a record: the first one of a new store follows it. */
export const firstLogPosition: LogPosition = {
  sequence: 0,
  checksum: new Uint8Array(positionChecksumBytes),
};

/** The record's bytes, and the position that an index has once it is applied. */
export function encodeCommitRecord(
  hash: Hash,
  record: CommitRecord,
): { readonly bytes: Uint8Array; readonly position: LogPosition } {
  const writer = new ByteWriter(recordBytesAbout(record)).u32(magic).u32(0);
  writer.raw(firstLogPosition.checksum).u8(version).u64(record.sequence).raw(record.previous);
  writer.u64(record.generation).u64(record.instantUs).u64(record.wallMs);
  writer.list(record.changes, ({ id, puts, deletes }) => {
    writer.id(id).list(puts, ({ key, value }) => void writer.bytes(key).bytes(value));
    writer.list(deletes, (key) => void writer.bytes(key));
  });
  const length = alignedBytes(writer.length);
  const bytes = writer.raw(new Uint8Array(length - writer.length)).finish();
  setU32(bytes, 4, length);
  const checksum = hash.digest("xxhash128", bytes.subarray(coveredAt));
  bytes.set(checksum, checksumAt);
  return { bytes, position: { sequence: record.sequence, checksum } };
}

/**
 * The length of the record that begins at `at`; undefined where none does. Unverified: only the
 * whole shows that it is right.
 */
export function commitRecordBytes(bytes: Uint8Array, at: number): number | undefined {
  if (bytes.length - at < commitRecordHeadBytes || getU32(bytes, at) !== magic) return undefined;
  const length = getU32(bytes, at + 4);
  return length < commitRecordHeadBytes || length % commitRecordAlign !== 0 ? undefined : length;
}

/** The head of a whole record; undefined where the bytes are not those that were written. */
export function commitRecordHead(hash: Hash, bytes: Uint8Array): CommitRecordHead | undefined {
  // Nothing else is looked at before: a flipped bit in a number, or in the version, is no reason to
  // read no other copy.
  const isWhole = commitRecordBytes(bytes, 0) === bytes.length;
  if (!isWhole || !isCommitRecordIntact(hash, bytes)) return undefined;
  const reader = new ByteReader(bytes, "commit record", checksumAt);
  const checksum = reader.raw(positionChecksumBytes);
  reader.version(version);
  return { ...fieldsOf(reader), checksum, bytes: bytes.length };
}

/** StoreError `corrupt` where the bytes are not those that were written. */
export function decodeCommitRecord(
  hash: Hash,
  bytes: Uint8Array,
): CommitRecord & { readonly checksum: Uint8Array } {
  const reader = new ByteReader(bytes, "commit record");
  if (reader.u32() !== magic || reader.u32() !== bytes.length) reader.fail("no record");
  const checksum = reader.raw(positionChecksumBytes);
  if (!isCommitRecordIntact(hash, bytes)) reader.fail("checksum mismatch");
  reader.version(version);
  const fields = fieldsOf(reader);
  const changes = reader.list((): LoggedChange => ({
    id: reader.id<ChangeId>(),
    puts: reader.list(() => ({ key: reader.bytes(), value: reader.bytes() })),
    deletes: reader.list(() => reader.bytes()),
  }));
  return { ...fields, checksum, changes };
}

/** True if a whole record has the checksum that stands in it. */
export function isCommitRecordIntact(hash: Hash, bytes: Uint8Array): boolean {
  const stored = bytes.subarray(checksumAt, coveredAt);
  return compareBytes(hash.digest("xxhash128", bytes.subarray(coveredAt)), stored) === 0;
}

function fieldsOf(reader: ByteReader): Omit<CommitRecord, "changes"> {
  return {
    sequence: reader.u64(),
    previous: reader.raw(positionChecksumBytes),
    generation: reader.u64(),
    instantUs: reader.u64(),
    wallMs: reader.u64(),
  };
}

function recordBytesAbout({ changes }: CommitRecord): number {
  let bytes = commitRecordHeadBytes;
  for (const { puts, deletes } of changes) {
    bytes += 24;
    for (const { key, value } of puts) bytes += key.length + value.length + 8;
    for (const key of deletes) bytes += key.length + 4;
  }
  return alignedBytes(bytes);
}

function alignedBytes(bytes: number): number {
  return Math.ceil(bytes / commitRecordAlign) * commitRecordAlign;
}

const positionVersion = 1;

/**
 * The key of the row that says which record of the commit log the index has last. It stands behind
 * all rows, and in no space, since it is the engine's own: a change neither puts nor checks it.
 */
export const logPositionKey: Uint8Array = Uint8Array.of(0xff, 0xff, 0xff, 0xff);

export function encodeLogPosition({ sequence, checksum }: LogPosition): Uint8Array {
  return new ByteWriter(32).u8(positionVersion).u64(sequence).raw(checksum).finish();
}

export function decodeLogPosition(bytes: Uint8Array): LogPosition {
  const reader = new ByteReader(bytes, "log position row");
  reader.version(positionVersion);
  const position = { sequence: reader.u64(), checksum: reader.raw(positionChecksumBytes) };
  reader.end();
  if (position.sequence < 1) throw new StoreError("corrupt", "log position row: no sequence");
  return position;
}
