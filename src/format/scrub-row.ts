import { ByteReader, ByteWriter } from "./codec.ts";
import type { DiskId, ExtentId } from "./ids.ts";

/** How far the members on a disk were read and verified. */
export interface ScrubRow {
  readonly disk: DiskId;
  /** When the round that is under way, or the last one, began. */
  readonly startedMs: number;
  /** The last extent whose member was read in this round; 0 at its start. */
  readonly upTo: ExtentId;
  /** True once the round has come to its end. */
  readonly isDone: boolean;
  /**
   * When the last round began that passed over no member: everything was read since. 0 before it.
   */
  readonly readSinceMs: number;
  /** Members read in this round, and those that were bad. */
  readonly members: number;
  readonly bad: number;
  /** Bytes of these members; 0 of a round that an older version began. */
  readonly bytes: number;
  /** Members of this round of which nothing is known, since they could not be read. */
  readonly passedOver: number;
}

/** 2: bytes of the members. 3: how many were passed over. */
const version = 3;

export function encodeScrubRow(row: ScrubRow): Uint8Array {
  const writer = new ByteWriter(80).u8(version).id(row.disk).u64(row.startedMs).u64(row.upTo);
  writer.boolean(row.isDone).u64(row.readSinceMs).u64(row.members).u64(row.bad).u64(row.bytes);
  writer.u64(row.passedOver);
  return writer.finish();
}

export function decodeScrubRow(bytes: Uint8Array): ScrubRow {
  const reader = new ByteReader(bytes, "scrub row");
  const found = reader.version(version);
  const row: ScrubRow = {
    disk: reader.id<DiskId>(),
    startedMs: reader.u64(),
    upTo: reader.u64() as ExtentId, // the field's place says which id it is
    isDone: reader.boolean(),
    readSinceMs: reader.u64(),
    members: reader.u64(),
    bad: reader.u64(),
    bytes: found === 1 ? 0 : reader.u64(),
    passedOver: found < 3 ? 0 : reader.u64(),
  };
  reader.end();
  return row;
}
