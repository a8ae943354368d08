import { ByteReader, ByteWriter } from "./codec.ts";
import type { SessionId } from "./ids.ts";

/** How far each process had come with its changes at some moment. */
export interface ActivityMark {
  /** On the clock of `ActivityRow`. */
  readonly watchedMs: number;
  /** Sessions that had a lease, and the number of the change that renewed it last. */
  readonly sessions: readonly { readonly session: SessionId; readonly changes: number }[];
}

/** A clock of the store, which goes while its background worker does, and what it showed when. */
export interface ActivityRow {
  readonly watchedMs: number;
  /** The oldest first. */
  readonly marks: readonly ActivityMark[];
}

const version = 1;

export function encodeActivityRow(row: ActivityRow): Uint8Array {
  const writer = new ByteWriter(256).u8(version).u64(row.watchedMs);
  writer.list(row.marks, ({ watchedMs, sessions }) => {
    writer.u64(watchedMs).list(sessions, ({ session, changes }) => {
      writer.u64(session).u64(changes);
    });
  });
  return writer.finish();
}

export function decodeActivityRow(bytes: Uint8Array): ActivityRow {
  const reader = new ByteReader(bytes, "activity row");
  reader.version(version);
  const row = {
    watchedMs: reader.u64(),
    marks: reader.list(() => ({
      watchedMs: reader.u64(),
      sessions: reader.list(() => ({
        session: reader.u64() as SessionId, // the field's place says so
        changes: reader.u64(),
      })),
    })),
  };
  reader.end();
  return row;
}
