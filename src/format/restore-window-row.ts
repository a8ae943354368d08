import { ByteReader, ByteWriter } from "./codec.ts";

/** That what was freed is kept for a time, so that the index can be restored to a moment of it. */
export interface RestoreWindowRow {
  /** So long from when it was freed. */
  readonly windowMs: number;
  /** Nothing that was freed since this time was removed before its time. */
  readonly sinceMs: number;
}

const version = 1;

export function encodeRestoreWindowRow({ windowMs, sinceMs }: RestoreWindowRow): Uint8Array {
  return new ByteWriter(17).u8(version).u64(windowMs).u64(sinceMs).finish();
}

export function decodeRestoreWindowRow(bytes: Uint8Array): RestoreWindowRow {
  const reader = new ByteReader(bytes, "restore window row");
  reader.version(version);
  const row = { windowMs: reader.u64(), sinceMs: reader.u64() };
  reader.end();
  return row;
}
