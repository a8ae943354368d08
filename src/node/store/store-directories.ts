import { existsSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { must } from "../../base/assert.ts";
import { messageOf, StoreError } from "../../base/errors.ts";
import {
  checkDataDirectories,
  initialiseDataDirectory,
  readIdentity,
} from "../../extent/data-directories.ts";
import type { ExtentDisks } from "../../extent/extent-files.ts";
import { localDataDisk } from "../../extent/local-members.ts";
import { type DiskId, idBytes, idOfBytes, type StoreId } from "../../format/ids.ts";
import type { StoreIdentity } from "../../format/data-directory.ts";
import { requireStoreRow } from "../../keymap/store-generation.ts";
import type { Platform } from "../../platform/platform.ts";
import {
  beginGeneration,
  claimIndex,
  knownDisks,
  registerDisks,
  requireKnownDisks,
  requireNeverServed,
  requireOwnIndex,
} from "../../server/index-ownership.ts";
import { openDisk } from "../disk/disk.ts";
import {
  hasEnvironment,
  type LmdbEngine,
  makeEnvironment,
  openLmdbEngine,
} from "../lmdb/lmdb-engine.ts";
import { StoreLock } from "./store-lock.ts";
import { endOrphanedWorkers } from "./worker-list.ts";
import { makePrivate, syncPath } from "../disk/small-file.ts";

/*
 * Makes of the names an operator gives the data directories of one store, locked for this process:
 * a new store is made in empty ones, an empty one is added to a store that is there, and all else
 * is refused before it is touched.
 */

export interface StoreDirectory {
  /** The path as the operator named it, made absolute. */
  readonly path: string;
  readonly disk: DiskId;
}

/** The facts a process needs to open the store; the locks stay with the process that took them. */
export interface StoreLocation {
  readonly store: StoreId;
  /** The first holds the index. */
  readonly directories: readonly StoreDirectory[];
  /**
   * The index's generation when the store was opened: no process may see a lower one from then on.
   */
  readonly generation: number;
}

export interface LockedStore extends StoreLocation, Disposable {
  /** True if the store was made just now. */
  readonly isNew: boolean;
}

export interface OpenDirectoriesOptions {
  readonly platform: Platform;
  readonly paths: readonly string[];
  /** True if a new store may be made, and directories added. */
  readonly mayCreate: boolean;
}

/** The name of the one engine there is so far; rows of the map refer to it. */
export const engineName = "main";

/** The index lies here, in the first data directory. */
export function indexPath({ directories }: Pick<StoreLocation, "directories">): string {
  const [first] = directories;
  return join(must(first, "a store has a data directory").path, "index");
}

export function disksOf(
  { hash }: Pick<Platform, "hash">,
  { store, directories }: Omit<StoreLocation, "generation">,
): ExtentDisks {
  return {
    store,
    disks: directories.map(({ path, disk }) => localDataDisk(hash, disk, openDisk(path))),
  };
}

export async function openStoreDirectories(options: OpenDirectoriesOptions): Promise<LockedStore> {
  const { platform, mayCreate } = options;
  const paths = options.paths.map((path) => resolve(path));
  const [first = ""] = paths;
  const isNew = !(await isDataDirectory(first));
  if (isNew && !mayCreate)
    throw new StoreError(
      "missing",
      `${first} holds no store: name its data directories with --data`,
    );
  if (isNew) await refuseOthersStores(paths);
  const locks: StoreLock[] = [];
  try {
    for (const path of paths) {
      if (isNew) makeDataDirectory(path);
      else if (!existsSync(path)) throw notThere(path);
      locks.push(StoreLock.take(path));
    }
    await endOrphanedWorkers(first, platform);
    const location = await identify(options, paths);
    if (mayCreate) for (const path of paths) makePrivate(path, platform.log);
    const release = (): void => locks.forEach((lock) => lock[Symbol.dispose]());
    platform.log("debug", "data_directories_locked", { count: paths.length });
    return { ...location, isNew, [Symbol.dispose]: release };
  } catch (error) {
    for (const lock of locks) lock.giveUp();
    throw error;
  }
}

async function isDataDirectory(path: string): Promise<boolean> {
  return existsSync(path) && (await readIdentity(openDisk(path))) !== undefined;
}

/** The first directory would begin a store, so the others must not belong to one. */
async function refuseOthersStores(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    if (!existsSync(path)) continue;
    const identity = await readIdentity(openDisk(path));
    if (identity === undefined) continue;
    const fix = "name the directory that holds the index first";
    const message = `${path} belongs to a store already, ${paths[0]} does not: ${fix}`;
    throw new StoreError("foreign", message);
  }
}

/**
 * Called under the locks. Directories without identity get theirs last, when nothing speaks against
 * it any more.
 */
async function identify(
  options: OpenDirectoriesOptions,
  paths: readonly string[],
): Promise<StoreLocation> {
  const { platform, mayCreate } = options;
  const disks = paths.map((path) => openDisk(path));
  const found = await Promise.all(disks.map(readIdentity));
  const store = found[0]?.store ?? idOfBytes<StoreId>(platform.random.bytes(idBytes));
  const initialise = (i: number): Promise<StoreIdentity> => {
    const disk = must(disks[i], "a disk for each path");
    return initialiseDataDirectory(disk, { store, holdsIndex: i === 0 }, platform.random);
  };
  const identities = new Map<number, StoreIdentity>();
  for (const i of paths.keys()) {
    if (found[i] !== undefined || i === 0) identities.set(i, await initialise(i));
  }
  const locate = (): StoreDirectory[] =>
    [...identities].map(([i, { disk }]) => ({ path: paths[i]!, disk }));
  checkDataDirectories([...identities].map(([i, identity]) => ({ disk: disks[i]!, identity })));
  const index = await openIndex(options, { store, directories: locate() });
  try {
    const known = await knownDisks(index);
    requireKnownDisks(
      known,
      locate().map(({ disk }) => disk),
    );
    for (const i of paths.keys()) {
      if (identities.has(i)) continue;
      if (!mayCreate) throw new StoreError("missing", `${paths[i]} is no data directory`);
      identities.set(i, await initialise(i));
    }
    const given = locate().map(({ path: name, disk: id }) => ({ name, id }));
    if (mayCreate) await registerDisks(index, platform, known, given);
    const directories = locate();
    const whole = { platform, index, disks: disksOf(platform, { store, directories }) };
    const { generation } = await requireStoreRow(index, { store, generation: 0 });
    if (!mayCreate) return { store, directories, generation };
    return { store, directories, generation: await beginGeneration(whole, generation) };
  } finally {
    await index.close();
  }
}

/**
 * The index of these data directories, and no other (C9). It is made where the store was never
 * served: an identity was written, and the first start was cut off.
 */
async function openIndex(
  { platform, mayCreate }: OpenDirectoriesOptions,
  location: Omit<StoreLocation, "generation">,
): Promise<LmdbEngine> {
  const path = indexPath(location);
  const disks = disksOf(platform, location);
  if (!hasEnvironment(path)) {
    await requireNeverServed(platform, disks, path);
    if (!mayCreate) throw new StoreError("missing", `${path} holds no index: serve the store once`);
    makeEnvironment(path);
  }
  const index = await openLmdbEngine({ path, hash: platform.hash, log: platform.log });
  try {
    if (mayCreate) await claimIndex({ platform, index, engineName, disks }, path);
    await requireOwnIndex({ platform, index, disks });
    return index;
  } catch (thrown) {
    await index.close();
    throw thrown;
  }
}

function notThere(path: string): StoreError {
  const fix = "mount its disk, or make an empty directory there to add one to the store";
  return new StoreError("missing", `${path} does not exist: ${fix}`);
}

function makeDataDirectory(path: string): void {
  try {
    makeDirectories(path);
  } catch (cause) {
    const fix = "name a directory that this user may make or write, with --data";
    const message = `the data directory ${path} cannot be made (${messageOf(cause)}): ${fix}`;
    throw new StoreError("invalid", message, { cause });
  }
}

/** Makes a directory and its parents, as `mkdir -p` does, each new name durably. */
function makeDirectories(path: string): void {
  if (existsSync(path)) return;
  makeDirectories(dirname(path));
  mkdirSync(path);
  syncPath(dirname(path));
}

/**
 * After the last process has ended: a copy of the index that was made while it ran is known to be
 * older from then on.
 */
export async function endGeneration(platform: Platform, location: StoreLocation): Promise<void> {
  const path = indexPath(location);
  const index = await openLmdbEngine({ path, hash: platform.hash, log: platform.log });
  try {
    const disks = disksOf(platform, location);
    await beginGeneration({ platform, index, disks }, location.generation);
  } finally {
    await index.close();
  }
}
