import type { ChangeId, SessionId } from "../format/ids.ts";
import { scanRowsMax } from "../engine/engine.ts";
import { scanPages } from "../engine/scan-pages.ts";
import { idOfKey, leaseKey, sessionKey, space, spaceRange } from "../format/row-keys.ts";
import type { LeaseRow } from "../format/system-rows.ts";
import { decodeLeaseRow } from "../format/system-rows.ts";
import type { Keymap } from "./keymap.ts";

/*
 * A session's lease row is made before the first of its session rows and goes after the last of
 * them. So the leases name every session that is not wholly fenced, also where a process died while
 * it registered or while it fenced another.
 */

export interface SessionEntry {
  readonly session: SessionId;
  readonly lease: LeaseRow;
  /** The stamp of the last renewal. */
  readonly stamp: ChangeId;
}

/**
 * Every session not yet wholly fenced; there are as many as processes, alive or dead since the last
 * sweep.
 */
export async function listSessions(keymap: Keymap): Promise<SessionEntry[]> {
  const out: SessionEntry[] = [];
  for await (const rows of scanPages(keymap.system, spaceRange(space.leases), scanRowsMax)) {
    for (const row of rows) {
      const { key, value, stamp } = row;
      out.push({ session: idOfKey<SessionId>(key), lease: decodeLeaseRow(value), stamp });
    }
  }
  return out;
}

/**
 * Ends a session in every partition: once this returns, no commit of it can succeed. Can be
 * repeated.
 */
export async function fenceSession(keymap: Keymap, session: SessionId): Promise<void> {
  const key = sessionKey(session);
  for (const partition of keymap.partitions) {
    const id = keymap.session.nextChangeId();
    await partition.commit({ id, checks: [], puts: [], deletes: [key] });
  }
  const id = keymap.session.nextChangeId();
  await keymap.system.commit({ id, checks: [], puts: [], deletes: [key, leaseKey(session)] });
}
