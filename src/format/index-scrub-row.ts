import { ByteReader, ByteWriter } from "./codec.ts";
import { type LogPosition, positionChecksumBytes } from "./commit-record.ts";

/** How far the copies of the commit log and of the index's snapshots were read and verified. */
export interface IndexScrubRow {
  /** When the round that is under way, or the last one, began. */
  readonly startedMs: number;
  /** The last record of the log that was read in this round; sequence 0 at its start. */
  readonly position: LogPosition;
  /** The last snapshot of which all copies were read in this round; 0: none was. */
  readonly snapshot: number;
  /** True once the round has come to its end. */
  readonly isDone: boolean;
  /** When the last complete round began: everything was read since. 0 before the first. */
  readonly readSinceMs: number;
  /** Bytes read in this round. */
  readonly bytes: number;
  /** Copies of segments and snapshots that were not whole, and those that were made anew. */
  readonly bad: number;
  readonly mended: number;
  /** Gaps in the log, and snapshots of which no copy was good. */
  readonly lost: number;
}

const version = 1;

export function encodeIndexScrubRow(row: IndexScrubRow): Uint8Array {
  const { position } = row;
  const writer = new ByteWriter(96).u8(version).u64(row.startedMs);
  writer.u64(position.sequence).raw(position.checksum).u64(row.snapshot).boolean(row.isDone);
  writer.u64(row.readSinceMs).u64(row.bytes).u64(row.bad).u64(row.mended).u64(row.lost);
  return writer.finish();
}

export function decodeIndexScrubRow(bytes: Uint8Array): IndexScrubRow {
  const reader = new ByteReader(bytes, "index scrub row");
  reader.version(version);
  const row: IndexScrubRow = {
    startedMs: reader.u64(),
    position: { sequence: reader.u64(), checksum: reader.raw(positionChecksumBytes) },
    snapshot: reader.u64(),
    isDone: reader.boolean(),
    readSinceMs: reader.u64(),
    bytes: reader.u64(),
    bad: reader.u64(),
    mended: reader.u64(),
    lost: reader.u64(),
  };
  reader.end();
  return row;
}
