import { StoreError } from "../base/errors.ts";
import { toHex } from "../base/bytes.ts";
import type { Hash } from "../platform/hash.ts";
import { ByteWriter, getU32, setU32 } from "./codec.ts";
import type { ChangeId } from "./ids.ts";
import { idBytes, readId } from "./ids.ts";

/*
 * How an engine without checksums and stamps of its own stores a row's value:
 *
 *     version 1 | CRC-32 of (key, stamp, value) 4 | stamp 16 | value
 *
 * The key is part of the checksum, so a value found under another key is noticed too.
 */

const version = 1;
/** The stamp follows version and checksum; the checksum covers all from here on. */
const stampAt = 1 + 4;
const headBytes = stampAt + idBytes;

function checksum(hash: Hash, key: Uint8Array, body: Uint8Array): number {
  return hash.crc32(body, hash.crc32(key));
}

export function envelopeRow(
  hash: Hash,
  key: Uint8Array,
  stamp: ChangeId,
  value: Uint8Array,
): Uint8Array {
  const writer = new ByteWriter(headBytes + value.length).u8(version).u32(0).id(stamp).raw(value);
  const bytes = writer.finish();
  setU32(bytes, 1, checksum(hash, key, bytes.subarray(5)));
  return bytes;
}

/**
 * The stamp alone, unverified: for checks inside a commit, where reading the whole value would
 * cost.
 */
export function stampOfRow(bytes: Uint8Array): ChangeId {
  return readId(bytes, stampAt);
}

/** The value alone, unverified: of a row that was enveloped just now. */
export function valueOfRow(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(headBytes);
}

/** Verifies and opens a stored row; the value is a view of `bytes`. */
export function openRow(
  hash: Hash,
  key: Uint8Array,
  bytes: Uint8Array,
): { stamp: ChangeId; value: Uint8Array } {
  if (bytes.length < headBytes) throw new StoreError("corrupt", `row ${toHex(key)}: too short`);
  assertVersion(bytes[0]!, key);
  const stored = getU32(bytes, 1);
  if (checksum(hash, key, bytes.subarray(5)) !== stored) throw mismatch(key);
  return { stamp: stampOfRow(bytes), value: bytes.subarray(headBytes) };
}

/**
 * Where a stored row was copied to, together with its key: version and checksum, then the key, then
 * stamp and value.
 */
export interface CopiedRow {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly keyBytes: number;
  readonly rowBytes: number;
}

/**
 * Copies a stored row and its key to `to.at`, where there is space for both, so that what its
 * checksum covers is in one piece.
 */
export function copyRow(
  key: { readonly bytes: Uint8Array; readonly at: number },
  row: Uint8Array,
  to: CopiedRow,
): void {
  const { bytes, at, keyBytes, rowBytes } = to;
  const head = Math.min(stampAt, rowBytes);
  for (let i = 0; i < head; i++) bytes[at + i] = row[i]!;
  for (let i = 0; i < keyBytes; i++) bytes[at + head + i] = key.bytes[key.at + i]!;
  const rest = new Uint8Array(row.buffer, row.byteOffset + head, rowBytes - head);
  bytes.set(rest, at + head + keyBytes);
}

/** Opens a row that `copyRow` copied, as `openRow` does; key and value are views of the copy. */
export function openCopiedRow(
  hash: Hash,
  { bytes, at, keyBytes, rowBytes }: CopiedRow,
): { key: Uint8Array; stamp: ChangeId; value: Uint8Array } {
  const { buffer } = bytes;
  const start = bytes.byteOffset + at;
  const keyStart = start + Math.min(stampAt, rowBytes);
  const key = new Uint8Array(buffer, keyStart, keyBytes);
  if (rowBytes < headBytes) throw new StoreError("corrupt", `row ${toHex(key)}: too short`);
  assertVersion(bytes[at]!, key);
  const covered = new Uint8Array(buffer, keyStart, keyBytes + rowBytes - stampAt);
  if (hash.crc32(covered) !== getU32(bytes, at + 1)) throw mismatch(key);
  return {
    key,
    stamp: readId<ChangeId>(bytes, at + stampAt + keyBytes),
    value: new Uint8Array(buffer, keyStart + keyBytes + idBytes, rowBytes - headBytes),
  };
}

function assertVersion(stored: number, key: Uint8Array): void {
  if (stored > version) {
    const message = `row of format version ${stored}: start the newer version of Holdfast that wrote it`;
    throw new StoreError("unsupported_format", message);
  }
  if (stored === 0) throw new StoreError("corrupt", `row ${toHex(key)}: version 0`);
}

function mismatch(key: Uint8Array): StoreError {
  return new StoreError("corrupt", `row ${toHex(key)}: checksum mismatch`);
}
