import { StoreError } from "../base/errors.ts";
import { isRefusal, type RefusalOf } from "../base/refusal.ts";
import type { Change, Engine, EngineReader } from "../engine/engine.ts";
import { scanAll } from "../engine/scan-pages.ts";
import { decodeDiskRow, type DiskRow, encodeDiskRow } from "../format/disk-row.ts";
import type { ChangeId, DiskId } from "../format/ids.ts";
import { diskKey, space, spaceRange } from "../format/row-keys.ts";
import type { Platform } from "../platform/platform.ts";
import { commitEarly } from "./first-rows.ts";
import type { Keymap } from "./keymap.ts";

/*
 * The registry: which disks the store has, and what each is to it. There are few, and they change
 * seldom, so a change reads all their rows, and its commit checks all of them: what was true of one
 * disk when another was changed ("it is not the last") is true when that happens.
 */

/** The disks of the store, those that are removed among them, in the order of their ids. */
export async function readDisks(reader: EngineReader): Promise<DiskRow[]> {
  return [...(await readEntries(reader)).values()].map(({ row }) => row);
}

interface Entry {
  readonly row: DiskRow;
  readonly stamp: ChangeId;
}

async function readEntries(reader: EngineReader): Promise<ReadonlyMap<DiskId, Entry>> {
  const rows = await scanAll(reader, spaceRange(space.disks));
  return new Map(
    rows.map(({ value, stamp }) => {
      const row = decodeDiskRow(value);
      return [row.disk, { row, stamp }];
    }),
  );
}

/** Who changes the registry: a session of a process, or the start of the store, which has none. */
export interface RegistryAccess {
  readonly reader: EngineReader;
  /** Says whether the change happened. */
  readonly commit: (change: Omit<Change, "id">) => Promise<boolean>;
}

export function registryOf({ system, session }: Keymap): RegistryAccess {
  return {
    reader: system,
    commit: async (change) => {
      const { outcome } = await system.commit({ ...change, id: session.nextChangeId() });
      return outcome === "ok";
    },
  };
}

/** The registry for the one process that holds the locks of the data directories, at the start. */
export function earlyRegistryOf(platform: Platform, index: Engine): RegistryAccess {
  return {
    reader: index,
    commit: async (change) => (await commitEarly(platform, index, change)) !== "conflict",
  };
}

/** @limit Each failure means that somebody else changed a disk, which people and a watch do. */
const attemptsMax = 16;

/**
 * Changes the registry by a plan: from all rows it makes those to put, new ones among them, or
 * refuses. The rows as they are then, or the refusal.
 */
export async function changeDisks<Refusal extends string = never>(
  { reader, commit }: RegistryAccess,
  plan: (rows: readonly DiskRow[]) => readonly DiskRow[] | RefusalOf<Refusal>,
): Promise<readonly DiskRow[] | RefusalOf<Refusal>> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const entries = await readEntries(reader);
    const changed = plan([...entries.values()].map(({ row }) => row));
    if (isRefusal(changed)) return changed;
    const after = new Map([...entries].map(([disk, { row }]) => [disk, row]));
    for (const row of changed) after.set(row.disk, row);
    if (changed.length === 0) return [...after.values()];
    const checks = [...after.keys()].map((disk) => {
      return { key: diskKey(disk), expect: entries.get(disk)?.stamp ?? ("absent" as const) };
    });
    const puts = changed.map((row) => ({ key: diskKey(row.disk), value: encodeDiskRow(row) }));
    if (await commit({ checks, puts, deletes: [] })) return [...after.values()];
  }
  throw new StoreError("overloaded", "the disks of the store kept changing: try again");
}
