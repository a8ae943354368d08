import { assert } from "../base/assert.ts";
import { fromHex, toHex } from "../base/bytes.ts";
import type { Hash } from "../platform/hash.ts";
import { ByteReader, ByteWriter, getU32, setU32 } from "./codec.ts";
import type { DiskId, StoreId } from "./ids.ts";

/*
 * A segment of the commit log: a file that one process appends records to, on several disks alike.
 * It begins with two slots of 4 KiB: the first is written when it is made, the second when it is
 * sealed; from then on nothing that is appended is answered for. A slot is magic, CRC-32 of what
 * follows the CRC up to the slot's end, version, fields, zeros. Then come records
 * (`commit-record.ts`), and behind the last one zeros or nothing.
 */
export interface LogSegmentHeader {
  readonly store: StoreId;
  /** The data directory that this copy stands in. */
  readonly disk: DiskId;
  /** The process that appends: an id of its own for each opening of the index, 16 hex digits. */
  readonly writer: string;
  /** Counts the segments of one writer. */
  readonly ordinal: number;
  readonly generation: number;
  /** The sequence of the first record that it may hold. */
  readonly firstSequence: number;
  /** A record is answered for once so many members have synced it. */
  readonly acknowledged: number;
  /** The data directories that have a copy. */
  readonly members: readonly DiskId[];
  readonly createdMs: number;
  readonly isSealed: boolean;
}

/** Names a segment among all of a store. */
export type LogSegmentName = Pick<LogSegmentHeader, "writer" | "ordinal">;

const magic = 0x48464c53; // "HFLS"
const version = 1;
export const logSlotBytes = 4096;
/** Where the first record begins. */
export const logHeaderBytes = 2 * logSlotBytes;
export const logWriterBytes = 8;

export function logSlotOffset({ isSealed }: Pick<LogSegmentHeader, "isSealed">): number {
  return isSealed ? logSlotBytes : 0;
}

export function encodeLogSegmentHeader(hash: Hash, header: LogSegmentHeader): Uint8Array {
  const writerBytes = fromHex(header.writer);
  assert(writerBytes?.length === logWriterBytes, "the id of a log's writer is 16 hex digits");
  const writer = new ByteWriter(logSlotBytes).u32(magic).u32(0).u8(version);
  writer.id(header.store).id(header.disk).raw(writerBytes).u64(header.ordinal);
  writer.u64(header.generation).u64(header.firstSequence).u8(header.acknowledged);
  writer.list(header.members, (disk) => void writer.id(disk));
  writer.u64(header.createdMs).boolean(header.isSealed);
  const fields = writer.finish();
  assert(fields.length <= logSlotBytes, "log segment header too long");
  const slot = new Uint8Array(logSlotBytes);
  slot.set(fields);
  setU32(slot, 4, hash.crc32(slot.subarray(8)));
  return slot;
}

/**
 * The header in the first 8 KiB of a segment (fewer where the file is shorter); undefined where
 * neither slot is valid.
 */
export function decodeLogSegmentHeader(
  hash: Hash,
  bytes: Uint8Array,
): LogSegmentHeader | undefined {
  const sealed = decodeSlot(hash, bytes.subarray(logSlotBytes, logHeaderBytes));
  if (sealed?.isSealed === true) return sealed;
  const open = decodeSlot(hash, bytes.subarray(0, logSlotBytes));
  return open?.isSealed === false ? open : undefined;
}

function decodeSlot(hash: Hash, slot: Uint8Array): LogSegmentHeader | undefined {
  if (slot.length < logSlotBytes || getU32(slot, 0) !== magic) return undefined;
  if (hash.crc32(slot.subarray(8)) !== getU32(slot, 4)) return undefined;
  const reader = new ByteReader(slot, "log segment header", 8);
  reader.version(version);
  return {
    store: reader.id<StoreId>(),
    disk: reader.id<DiskId>(),
    writer: toHex(reader.raw(logWriterBytes)),
    ordinal: reader.u64(),
    generation: reader.u64(),
    firstSequence: reader.u64(),
    acknowledged: reader.u8(),
    members: reader.list(() => reader.id<DiskId>()),
    createdMs: reader.u64(),
    isSealed: reader.boolean(),
  };
}

export const logDirectory = "log";

/** The file name of a segment within `log/`. */
export function logSegmentFile({ writer, ordinal }: LogSegmentName): string {
  return `${writer}-${ordinal}.log`;
}

/** Undefined where the name is not that of a segment. */
export function parseLogSegmentFile(name: string): LogSegmentName | undefined {
  const [, writer = "", digits = ""] = /^([0-9a-f]{16})-(\d{1,15})\.log$/.exec(name) ?? [];
  return writer === "" ? undefined : { writer, ordinal: Number(digits) };
}
