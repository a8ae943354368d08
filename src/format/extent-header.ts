import { StoreError } from "../base/errors.ts";
import { assert } from "../base/assert.ts";
import type { Hash } from "../platform/hash.ts";
import { ByteReader, ByteWriter } from "./codec.ts";
import type { Scheme } from "./extent-row.ts";
import { readScheme, writeScheme } from "./extent-row.ts";
import type { DiskId, ExtentId, SessionId, StoreId } from "./ids.ts";
import { extentHeaderSlotBytes } from "./limits.ts";

/*
 * An extent file begins with two slots of 4 KiB. Raising the epoch writes the slot that is not
 * current, so a torn write leaves the other: the valid slot with the higher sequence counts. A slot
 * is magic, CRC-32 of what follows the CRC up to the slot's end, version, fields, zeros.
 */
export interface ExtentHeader {
  readonly sequence: number;
  readonly store: StoreId;
  readonly disk: DiskId;
  readonly extent: ExtentId;
  readonly scheme: Scheme;
  /** This member's place among the scheme's members. */
  readonly member: number;
  /** Which writing of the extent it belongs to (extent-row.ts). */
  readonly layout: number;
  readonly epoch: number;
  readonly session: SessionId;
  readonly createdMs: number;
}

const magic = 0x48464558; // "HFEX"
const version = 4;

/** Where the slot for a sequence number lies. */
export function extentHeaderSlotOffset(sequence: number): number {
  return (sequence % 2) * extentHeaderSlotBytes;
}

export function encodeExtentHeader(hash: Hash, header: ExtentHeader): Uint8Array {
  const writer = new ByteWriter(extentHeaderSlotBytes).u32(magic).u32(0).u8(version);
  writer.u64(header.sequence).id(header.store).id(header.disk).u64(header.extent);
  writeScheme(writer, header.scheme);
  writer.u8(header.member).u64(header.epoch).u64(header.session).u64(header.createdMs);
  writer.u32(header.layout);
  const fields = writer.finish();
  assert(fields.length <= extentHeaderSlotBytes, "extent header too long");
  const slot = new Uint8Array(extentHeaderSlotBytes);
  slot.set(fields);
  new DataView(slot.buffer).setUint32(4, hash.crc32(slot.subarray(8)));
  return slot;
}

function decodeSlot(hash: Hash, slot: Uint8Array): ExtentHeader | undefined {
  const view = new DataView(slot.buffer, slot.byteOffset, slot.length);
  if (slot.length < extentHeaderSlotBytes || view.getUint32(0) !== magic) return undefined;
  if (hash.crc32(slot.subarray(8)) !== view.getUint32(4)) return undefined;
  const reader = new ByteReader(slot.subarray(8), "extent header");
  const found = reader.version(version);
  return {
    sequence: reader.u64(),
    store: reader.id<StoreId>(),
    disk: reader.id<DiskId>(),
    extent: reader.u64() as ExtentId, // the fields' places say which ids they are
    scheme: readScheme(reader),
    member: reader.u8(),
    epoch: reader.u64(),
    session: reader.u64() as SessionId,
    createdMs: reader.u64(),
    layout: found < 2 ? 0 : reader.u32(),
  };
}

/** The current header, from the first 8 KiB of an extent file (fewer where the file is shorter). */
export function decodeExtentHeader(hash: Hash, bytes: Uint8Array): ExtentHeader {
  const first = decodeSlot(hash, bytes.subarray(0, extentHeaderSlotBytes));
  const second = decodeSlot(hash, bytes.subarray(extentHeaderSlotBytes, 2 * extentHeaderSlotBytes));
  const newest =
    second !== undefined && (first === undefined || second.sequence > first.sequence)
      ? second
      : first;
  if (newest === undefined) throw new StoreError("corrupt", "extent header: no valid slot");
  return newest;
}

/**
 * True if a slot is neither valid nor as it was before it was first written, zeros: then the next
 * damage to the header may be one too many.
 */
export function hasSpoiledSlot(hash: Hash, bytes: Uint8Array): boolean {
  return [0, 1].some((sequence) => {
    const at = extentHeaderSlotOffset(sequence);
    const slot = bytes.subarray(at, at + extentHeaderSlotBytes);
    return slot.some((byte) => byte !== 0) && decodeSlot(hash, slot) === undefined;
  });
}
