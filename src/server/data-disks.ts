import { StoreError } from "../base/errors.ts";
import type { Engine } from "../engine/engine.ts";
import { scanRowsMax } from "../engine/engine.ts";
import type { ChangeId, DiskId } from "../format/ids.ts";
import { diskKey, space, spaceRange } from "../format/row-keys.ts";
import { decodeDiskRow, encodeDiskRow, type DiskRow } from "../format/system-rows.ts";
import type { Platform } from "../platform/platform.ts";
import { idOfBytes } from "../format/ids.ts";

/*
 * The index knows which disks a store has. A start without one of them is refused before anything is written: an empty
 * mount point, where a disk should be, would otherwise be taken for a new disk, and the objects on the old one for lost.
 */

/** The disks the store has, as far as the index knows; empty for a new store. */
export async function knownDisks(index: Engine): Promise<DiskRow[]> {
  const rows = await index.scan(spaceRange(space.disks), { limit: scanRowsMax });
  return rows.map((row) => decodeDiskRow(row.value));
}

/** Refuses to go on where a known disk is not among those given. */
export function requireKnownDisks(known: readonly DiskRow[], given: readonly DiskId[]): void {
  const missing = known.filter(({ disk }) => !given.includes(disk));
  if (missing.length === 0) return;
  const names = missing.map(({ name }) => name).join(", ");
  const fix = "mount it, and name all data directories of the store with --data";
  throw new StoreError(
    "missing",
    `the store has a data directory that was not given, last at ${names}: ${fix}`,
  );
}

/** Notes disks that are new, or mounted elsewhere than before. Called by the one process that holds the locks. */
export async function registerDisks(
  index: Engine,
  platform: Platform,
  known: readonly DiskRow[],
  given: readonly { readonly id: DiskId; readonly name: string }[],
): Promise<void> {
  const puts = given.flatMap(({ id, name }) => {
    const before = known.find(({ disk }) => disk === id);
    if (before?.name === name) return [];
    const row = { disk: id, addedMs: before?.addedMs ?? platform.clock.now(), name };
    const key = diskKey(id);
    return [{ key, value: encodeDiskRow(row) }];
  });
  if (puts.length === 0) return;
  const id = idOfBytes<ChangeId>(platform.random.bytes(16)); // no session's: those begin with zeros
  const result = await index.commit({ id, checks: [], puts, deletes: [] });
  if (result.outcome === "ok") return;
  const cause = result.outcome === "unknown" ? result.cause : undefined;
  throw new StoreError("unavailable", "the index did not take the list of disks", { cause });
}
