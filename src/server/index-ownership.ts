import { StoreError } from "../base/errors.ts";
import { type Change, type Engine, readRow, scanRowsMax } from "../engine/engine.ts";
import { newestGeneration } from "../extent/disk-generation.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import { newestOnDisks } from "../extent/newest-on-disks.ts";
import { type ChangeId, type DiskId, idOfBytes } from "../format/ids.ts";
import { counterKey, diskKey, space, spaceRange } from "../format/row-keys.ts";
import {
  decodeCounterRow,
  decodeDiskRow,
  type DiskRow,
  encodeDiskRow,
} from "../format/system-rows.ts";
import type { CounterName } from "../keymap/counters.ts";
import { commitEarly, makeFirstRows } from "../keymap/first-rows.ts";
import {
  advanceGeneration,
  indexRemedy,
  readStoreRow,
  requireStoreRow,
} from "../keymap/store-generation.ts";
import type { Platform } from "../platform/platform.ts";

/*
 * Decides if an index may serve with these data directories. The one process that holds their locks
 * asks, before any other opens the index (C9). An index that is behind them, or not theirs, would
 * count as garbage what it does not know of. A new index is made in one case only: the store was
 * never served, and no data directory holds an extent.
 */

export interface OwnershipOptions {
  readonly platform: Platform;
  readonly index: Engine;
  /** The engine's name in the map of a new index. */
  readonly engineName: string;
  readonly disks: ExtentDisks;
}

/**
 * StoreError `missing`, naming the remedy, where an index must be there. `where` it should be is
 * for the message.
 */
export async function requireNeverServed(
  platform: Platform,
  disks: ExtentDisks,
  where: string,
): Promise<void> {
  const { generation, on } = await newestGeneration(platform.hash, disks);
  const newest = await newestOnDisks(platform.hash, disks);
  if (generation === 0 && newest === undefined) return;
  const held = newest === undefined ? `${on} was in use` : `${newest.path} holds objects`;
  throw new StoreError("missing", `there is no index in ${where}, but ${held}: ${indexRemedy}`);
}

/**
 * Refuses an index that is empty, of another store, or older than the data directories: by its
 * generation, and by the ids of extents and sessions that files on the disks already have.
 */
export async function requireOwnIndex(options: Omit<OwnershipOptions, "engineName">) {
  const { platform, index, disks } = options;
  const { generation } = await newestGeneration(platform.hash, disks);
  const row = await requireStoreRow(index, { store: disks.store, generation });
  const newest = await newestOnDisks(platform.hash, disks);
  if (newest === undefined) return row;
  const { extent, session, path } = newest;
  const ids = [
    { counter: "extents", id: extent },
    { counter: "sessions", id: session },
  ] as const;
  for (const { counter, id } of ids) {
    const given = await lastGiven(index, counter);
    if (id <= given) continue;
    const message = `the index is older than the data directories (${path} has id ${id} of ${counter}, the index has given ids up to ${given})`;
    throw new StoreError("foreign", `${message}: ${indexRemedy}`);
  }
  return row;
}

/**
 * Makes the first rows where the index has none, and never can have had any; else as
 * `requireNeverServed`.
 */
export async function claimIndex(options: OwnershipOptions, where: string): Promise<void> {
  const { platform, index, engineName, disks } = options;
  if ((await readStoreRow(index)) !== undefined) return;
  // holds: C9 never-served-before-first-rows
  await requireNeverServed(platform, disks, where);
  await makeFirstRows({ platform, engine: index, engineName, store: disks.store });
}

/**
 * Before the first process opens the index, and after the last one has ended: a copy of the index
 * that was made before is known to be older from then on. `atLeast` is the generation it was known
 * to have. Returns the new one.
 */
export async function beginGeneration(
  { platform, index, disks }: Omit<OwnershipOptions, "engineName">,
  atLeast: number,
): Promise<number> {
  const row = await requireStoreRow(index, { store: disks.store, generation: atLeast });
  const commit = async (change: Omit<Change, "id">): Promise<boolean> =>
    (await commitEarly(platform, index, change)) !== "conflict";
  const generation = await advanceGeneration({ platform, disks, commit }, row);
  if (generation !== undefined) return generation;
  throw new StoreError(
    "unavailable",
    "another process advances the generation of this index: stop it",
  );
}

async function lastGiven(index: Engine, counter: CounterName): Promise<number> {
  const row = await readRow(index, counterKey(counter));
  return row === undefined ? 0 : decodeCounterRow(row.value).value;
}

/*
 * The index knows which disks a store has. A start without one of them is refused before anything
 * is written: an empty mount point, where a disk should be, would otherwise be taken for a new
 * disk, and the objects on the old one for lost.
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

/**
 * Notes disks that are new, or mounted elsewhere than before. Called by the one process that holds
 * the locks.
 */
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
