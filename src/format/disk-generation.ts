import { StoreError } from "../base/errors.ts";
import type { Hash } from "../platform/hash.ts";
import { ByteReader, ByteWriter } from "./codec.ts";
import type { DiskId, StoreId } from "./ids.ts";

/*
 * The file `holdfast.generation` of a data directory: the newest generation of the index that this directory has seen. It has two
 * slots, at 0 and 4096: the valid one with the higher generation counts, and the next is written to the other, so a torn write leaves
 * this one. A slot is magic, CRC-32 of what follows the CRC, version, store, disk, generation.
 */
export interface DiskGeneration {
  readonly store: StoreId;
  readonly disk: DiskId;
  readonly generation: number;
}

export const diskGenerationFile = "holdfast.generation";

/** The slots lie so far apart that no device writes both at once. */
const slotStrideBytes = 4096;
export const diskGenerationFileBytes = 2 * slotStrideBytes;

const magic = 0x4846474e; // "HFGN"
const version = 1;
const slotBytes = 4 + 4 + 1 + 16 + 16 + 8;

/** Where the two slots lie. */
export const diskGenerationOffsets = [0, slotStrideBytes] as const;

export function encodeDiskGeneration(hash: Hash, row: DiskGeneration): Uint8Array {
  const writer = new ByteWriter(slotBytes).u32(magic).u32(0).u8(version);
  const slot = writer.id(row.store).id(row.disk).u64(row.generation).finish().slice();
  new DataView(slot.buffer).setUint32(4, hash.crc32(slot.subarray(8)));
  return slot;
}

export interface DiskGenerationSlot extends DiskGeneration {
  /** Where it lies, and where the next one goes. */
  readonly offset: number;
  readonly otherOffset: number;
}

/**
 * What the whole file says; undefined where none was ever written, or where the very first was torn: then the other slot is blank.
 * StoreError `corrupt` otherwise.
 */
export function decodeDiskGeneration(
  hash: Hash,
  bytes: Uint8Array,
): DiskGenerationSlot | undefined {
  const [firstOffset, secondOffset] = diskGenerationOffsets;
  const [first, second] = [slotAt(bytes, firstOffset), slotAt(bytes, secondOffset)];
  const [a, b] = [decodeSlot(hash, first), decodeSlot(hash, second)];
  if (b !== undefined && b.generation >= (a?.generation ?? 0)) {
    return { ...b, offset: secondOffset, otherOffset: firstOffset };
  }
  if (a !== undefined) return { ...a, offset: firstOffset, otherOffset: secondOffset };
  if ([first, second].some((slot) => slot.every((byte) => byte === 0))) return undefined;
  throw new StoreError("corrupt", "no valid slot");
}

function slotAt(bytes: Uint8Array, offset: number): Uint8Array {
  return bytes.subarray(offset, offset + slotBytes);
}

function decodeSlot(hash: Hash, slot: Uint8Array): DiskGeneration | undefined {
  if (slot.length < slotBytes) return undefined;
  const reader = new ByteReader(slot, "generation of a data directory");
  if (reader.u32() !== magic || reader.u32() !== hash.crc32(slot.subarray(8))) return undefined;
  reader.version(version);
  return { store: reader.id<StoreId>(), disk: reader.id<DiskId>(), generation: reader.u64() };
}
