import { StoreError } from "../base/errors.ts";
import { type Change, type Engine, readRow } from "../engine/engine.ts";
import { newestGeneration } from "../extent/disk-generation.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import { newestOnDisks } from "../extent/newest-on-disks.ts";
import { counterKey } from "../format/row-keys.ts";
import { decodeCounterRow } from "../format/system-rows.ts";
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

/** The last id of a kind that the index has given. */
export async function lastGiven(index: Engine, counter: CounterName): Promise<number> {
  const row = await readRow(index, counterKey(counter));
  return row === undefined ? 0 : decodeCounterRow(row.value).value;
}
