import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { must } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import { messageOf, StoreError } from "../base/errors.ts";
import {
  checkDataDirectories,
  initialiseDataDirectory,
  readIdentity,
} from "../extent/data-directories.ts";
import { extentsDirectory } from "../extent/extent-files.ts";
import type { DiskId, StoreId } from "../format/ids.ts";
import { idBytes } from "../format/ids.ts";
import type { StoreIdentity } from "../format/store-identity.ts";
import type { Platform } from "../platform/platform.ts";
import { knownDisks, registerDisks, requireKnownDisks } from "../server/data-disks.ts";
import { openDisk } from "./disk.ts";
import { openLmdbEngine } from "./lmdb-engine.ts";
import { makePrivate } from "./private-file.ts";
import { StoreLock } from "./store-lock.ts";
import { syncPath } from "./sync-path.ts";

/*
 * From the names an operator gives to the data directories of one store, locked for this process: a new store is made in
 * empty ones, an empty one is added to a store that is there, and all else is refused before it is touched.
 */

export interface StoreDirectory {
  /** As the operator named it, made absolute. */
  readonly path: string;
  readonly disk: DiskId;
}

/** What a process needs to know in order to open the store; the locks stay with whoever took them. */
export interface StoreLocation {
  readonly store: StoreId;
  /** The first holds the index. */
  readonly directories: readonly StoreDirectory[];
}

export interface LockedStore extends StoreLocation, Disposable {
  /** Whether the store was made just now. */
  readonly isNew: boolean;
}

export interface OpenDirectoriesOptions {
  readonly platform: Platform;
  readonly paths: readonly string[];
  /** Whether a new store may be made, and directories added. */
  readonly mayCreate: boolean;
}

/** The index lies here, in the first data directory. */
export function indexPath(location: StoreLocation): string {
  const [first] = location.directories;
  return join(must(first, "a store has a data directory").path, "index");
}

export async function openStoreDirectories(options: OpenDirectoriesOptions): Promise<LockedStore> {
  const { platform, mayCreate } = options;
  const paths = options.paths.map((path) => resolve(path));
  const [first = ""] = paths;
  const isNew = !(await isDataDirectory(first));
  if (isNew && !mayCreate) throw new StoreError("missing", `${first} holds no store: see --data`);
  if (isNew) await refuseOthersStores(paths);
  const locks: StoreLock[] = [];
  try {
    for (const path of paths) {
      if (isNew) makeDataDirectory(path);
      else if (!existsSync(path)) throw notThere(path);
      locks.push(StoreLock.take(path));
    }
    const location = await identify(options, paths, isNew);
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

/** Under the locks. Directories without identity get theirs last, when nothing speaks against it any more. */
async function identify(
  options: OpenDirectoriesOptions,
  paths: readonly string[],
  isNew: boolean,
): Promise<StoreLocation> {
  const { platform, mayCreate } = options;
  const disks = paths.map((path) => openDisk(path));
  const found = await Promise.all(disks.map(readIdentity));
  const store = found[0]?.store ?? (toHex(platform.random.bytes(idBytes)) as StoreId); // made to be one
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
  if (!isNew) requireIndex({ store, directories: locate() });

  const path = indexPath({ store, directories: locate() });
  const index = await openLmdbEngine({ path, hash: platform.hash, log: platform.log });
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
  } finally {
    await index.close();
  }
  return { store, directories: locate() };
}

/** A store with extents but no index has lost it: to go on with a new one would orphan every object. */
function requireIndex(location: StoreLocation): void {
  const path = indexPath(location);
  if (existsSync(path)) return;
  const used = location.directories.find((directory) => {
    const extents = join(directory.path, extentsDirectory);
    return existsSync(extents) && readdirSync(extents).length > 0;
  });
  if (used === undefined) return; // the first start was cut off before it made one
  const fix = "restore it from a backup, or name the directory that holds it first";
  throw new StoreError("missing", `${path} is not there, but ${used.path} holds extents: ${fix}`);
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

/** As `mkdir -p`, with each new name durable. */
function makeDirectories(path: string): void {
  if (existsSync(path)) return;
  makeDirectories(dirname(path));
  mkdirSync(path);
  syncPath(dirname(path));
}
