import { StoreError } from "../base/errors.ts";
import { toHex } from "../base/bytes.ts";
import type { Hash } from "../platform/hash.ts";
import { ByteWriter, setU32 } from "./codec.ts";
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
const stampAt = 1 + 4;
const headBytes = stampAt + idBytes;

function checksum(hash: Hash, key: Uint8Array, body: Uint8Array): number {
  return hash.crc32(body, hash.crc32(key));
}

export function sealRow(
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

/** The stamp alone, unverified: for checks inside a commit, where reading the whole value would cost. */
export function stampOfRow(bytes: Uint8Array): ChangeId {
  return readId(bytes, stampAt);
}

/** Verifies and opens a stored row; the value is a view of `bytes`. */
export function openRow(
  hash: Hash,
  key: Uint8Array,
  bytes: Uint8Array,
): { stamp: ChangeId; value: Uint8Array } {
  if (bytes.length < headBytes) throw new StoreError("corrupt", `row ${toHex(key)}: too short`);
  if (bytes[0]! > version) {
    const message = `row of format version ${bytes[0]}: start the newer version of Holdfast that wrote it`;
    throw new StoreError("unsupported_format", message);
  }
  if (bytes[0] === 0) throw new StoreError("corrupt", `row ${toHex(key)}: version 0`);
  const stored = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  if (checksum(hash, key, bytes.subarray(5)) !== stored) {
    throw new StoreError("corrupt", `row ${toHex(key)}: checksum mismatch`);
  }
  return { stamp: stampOfRow(bytes), value: bytes.subarray(headBytes) };
}
