import { readRow } from "../engine/engine.ts";
import {
  decodeIndexScrubRow,
  encodeIndexScrubRow,
  type IndexScrubRow,
} from "../format/index-scrub-row.ts";
import type { DiskId } from "../format/ids.ts";
import { indexScrubKey, scrubKey } from "../format/row-keys.ts";
import { decodeScrubRow, encodeScrubRow, type ScrubRow } from "../format/scrub-row.ts";
import type { Keymap } from "./keymap.ts";

/** How far a disk was scrubbed; undefined before the first time. */
export async function readScrubRow(
  { system }: Pick<Keymap, "system">,
  disk: DiskId,
): Promise<ScrubRow | undefined> {
  const row = await readRow(system, scrubKey(disk));
  return row && decodeScrubRow(row.value);
}

/** Writes it over whatever stands there: it says where to go on, and nothing depends on it. */
export async function writeScrubRow(
  { system, session }: Pick<Keymap, "system" | "session">,
  row: ScrubRow,
): Promise<void> {
  const puts = [{ key: scrubKey(row.disk), value: encodeScrubRow(row) }];
  await system.commit({ id: session.nextChangeId(), checks: [], puts, deletes: [] });
}

/** How far the copies of log and snapshots were scrubbed; undefined before the first time. */
export async function readIndexScrubRow({
  system,
}: Pick<Keymap, "system">): Promise<IndexScrubRow | undefined> {
  const row = await readRow(system, indexScrubKey());
  return row && decodeIndexScrubRow(row.value);
}

/** Writes it over whatever stands there, as `writeScrubRow` does. */
export async function writeIndexScrubRow(
  { system, session }: Pick<Keymap, "system" | "session">,
  row: IndexScrubRow,
): Promise<void> {
  const puts = [{ key: indexScrubKey(), value: encodeIndexScrubRow(row) }];
  await system.commit({ id: session.nextChangeId(), checks: [], puts, deletes: [] });
}
