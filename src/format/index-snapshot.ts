import { compareBytes, concatBytes } from "../base/bytes.ts";
import { StoreError } from "../base/errors.ts";
import type { Hash } from "../platform/hash.ts";
import { ByteReader, ByteWriter, getU32, setU32 } from "./codec.ts";
import type { LogPosition } from "./commit-record.ts";
import { positionChecksumBytes } from "./commit-record.ts";
import type { ChangeId, StoreId } from "./ids.ts";

/*
 * A snapshot of the index: all rows as of one commit, in the order of their keys, in a form that
 * belongs to no engine. It is a stream of frames:
 *
 *     magic 4 | length 4 | checksum 16 | version 1 | kind 1 | fields …
 *
 * First a head, then frames of rows, then an end that says how many rows and which checksum the
 * whole has. Each frame's checksum (XXH3, 128 bits) covers the one before it and all behind itself:
 * so frames that are left out, doubled or exchanged are noticed, and the last one covers the whole.
 */

export interface SnapshotHead {
  readonly store: StoreId;
  /** The last commit that it holds; sequence 0: of an index that has no log. */
  readonly position: LogPosition;
  readonly generation: number;
  readonly createdMs: number;
}

export interface SnapshotRow {
  readonly key: Uint8Array;
  readonly stamp: ChangeId;
  readonly value: Uint8Array;
}

export type SnapshotFrame =
  | { readonly kind: "head"; readonly head: SnapshotHead }
  | { readonly kind: "rows"; readonly rows: readonly SnapshotRow[] }
  | { readonly kind: "end"; readonly rows: number };

const magic = 0x48464953; // "HFIS"
const version = 1;
const kinds: readonly SnapshotFrame["kind"][] = ["head", "rows", "end"];
const checksumAt = 8;
const coveredAt = checksumAt + positionChecksumBytes;
/** What a frame begins with, its checksum included, which no other frame has. */
export const snapshotFrameIdentityBytes = coveredAt;
/** What stands before the part that says how long a frame is. */
export const snapshotFrameHeadBytes = 8;
/** @limit A frame of rows is begun anew past 1 MiB, and one row may come on top of it. */
export const snapshotFrameBytesMax = 64 * 1024 * 1024;

/** The checksum that stands before the first frame. */
export const noSnapshotChecksum: Uint8Array = new Uint8Array(positionChecksumBytes);

/** `previous` is the checksum of the frame before; returns the frame's own as well. */
export function encodeSnapshotFrame(
  hash: Hash,
  frame: SnapshotFrame,
  previous: Uint8Array,
): { readonly bytes: Uint8Array; readonly checksum: Uint8Array } {
  const writer = new ByteWriter(4096).u32(magic).u32(0).raw(noSnapshotChecksum).u8(version);
  writer.u8(kinds.indexOf(frame.kind));
  if (frame.kind === "rows") {
    writer.list(frame.rows, ({ key, stamp, value }) => {
      writer.bytes(key).id(stamp).bytes(value);
    });
  } else if (frame.kind === "head") {
    const { store, position, generation, createdMs } = frame.head;
    writer.id(store).u64(position.sequence).raw(position.checksum).u64(generation).u64(createdMs);
  } else {
    writer.u64(frame.rows);
  }
  const bytes = writer.finish();
  setU32(bytes, 4, bytes.length);
  const checksum = checksumOf(hash, bytes, previous);
  bytes.set(checksum, checksumAt);
  return { bytes, checksum };
}

/** Encodes one snapshot, frame after frame: a head, rows, and an end. */
export class SnapshotEncoder {
  readonly #hash: Hash;
  #checksum = noSnapshotChecksum;
  #rows = 0;

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  head(head: SnapshotHead): Uint8Array {
    return this.#encode({ kind: "head", head });
  }

  rows(rows: readonly SnapshotRow[]): Uint8Array {
    this.#rows += rows.length;
    return this.#encode({ kind: "rows", rows });
  }

  end(): Uint8Array {
    return this.#encode({ kind: "end", rows: this.#rows });
  }

  #encode(frame: SnapshotFrame): Uint8Array {
    const { bytes, checksum } = encodeSnapshotFrame(this.#hash, frame, this.#checksum);
    this.#checksum = checksum;
    return bytes;
  }
}

/** The length of the frame whose first bytes these are; StoreError `corrupt` where none begins. */
export function snapshotFrameBytes(head: Uint8Array): number {
  const bytes = head.length < snapshotFrameHeadBytes ? 0 : getU32(head, 4);
  const isFrame = bytes > coveredAt && bytes <= snapshotFrameBytesMax && getU32(head, 0) === magic;
  if (!isFrame) throw new StoreError("corrupt", "index snapshot: no frame where one must begin");
  return bytes;
}

export function decodeSnapshotFrame(
  hash: Hash,
  bytes: Uint8Array,
  previous: Uint8Array,
): { readonly frame: SnapshotFrame; readonly checksum: Uint8Array } {
  const checksum = checksumOf(hash, bytes, previous);
  if (compareBytes(checksum, bytes.subarray(checksumAt, coveredAt)) !== 0) {
    throw new StoreError("corrupt", "index snapshot: checksum mismatch");
  }
  const reader = new ByteReader(bytes, "index snapshot", coveredAt);
  reader.version(version);
  const kind = kinds[reader.u8()] ?? reader.fail("unknown kind of frame");
  const frame = readFrame(reader, kind);
  reader.end();
  return { frame, checksum };
}

function readFrame(reader: ByteReader, kind: SnapshotFrame["kind"]): SnapshotFrame {
  if (kind === "end") return { kind, rows: reader.u64() };
  if (kind === "rows") {
    const readRow = (): SnapshotRow => ({
      key: reader.bytes(),
      stamp: reader.id<ChangeId>(),
      value: reader.bytes(),
    });
    return { kind, rows: reader.list(readRow) };
  }
  const store = reader.id<StoreId>();
  const position = { sequence: reader.u64(), checksum: reader.raw(positionChecksumBytes) };
  return { kind, head: { store, position, generation: reader.u64(), createdMs: reader.u64() } };
}

function checksumOf(hash: Hash, bytes: Uint8Array, previous: Uint8Array): Uint8Array {
  return hash.digest("xxhash128", concatBytes([previous, bytes.subarray(coveredAt)]));
}

export const snapshotDirectory = "snapshots";

/** The file of a snapshot within `snapshots/`; the digits make names sort by age. */
export function snapshotFile(sequence: number): string {
  return `${String(sequence).padStart(16, "0")}.snapshot`;
}

/** The sequence in the name of a snapshot's file; undefined for any other name. */
export function parseSnapshotFile(name: string): number | undefined {
  const [, digits] = /^(\d{16})\.snapshot$/.exec(name) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
