import { existsSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { must } from "../../base/assert.ts";
import { messageOf, StoreError } from "../../base/errors.ts";
import { readIdentity } from "../../extent/data-directories.ts";
import { newestGeneration } from "../../extent/disk-generation.ts";
import type { ExtentDisks } from "../../extent/extent-files.ts";
import type { DiskObservations } from "../../extent/observed-disk.ts";
import { localDataDisk } from "../../extent/local-members.ts";
import { idBytes, idOfBytes, type StoreId } from "../../format/ids.ts";
import type { DiskRow } from "../../format/disk-row.ts";
import { type DiskMount, mountDisks } from "../../keymap/disk-changes.ts";
import { changeDisks, earlyRegistryOf, readDisks } from "../../keymap/disk-registry.ts";
import { requireStoreRow } from "../../keymap/store-generation.ts";
import type { Disk } from "../../platform/disk.ts";
import type { Platform } from "../../platform/platform.ts";
import {
  beginGeneration,
  claimIndex,
  requireNeverServed,
  requireOwnIndex,
} from "../../server/index-ownership.ts";
import { appendSparse, type Recovered } from "../../server/index-recovery.ts";
import { openDisk } from "../disk/disk.ts";
import {
  hasEnvironment,
  type LmdbEngine,
  makeEnvironment,
  openLmdbEngine,
} from "../lmdb/lmdb-engine.ts";
import { dataFileOf } from "../lmdb/environment.ts";
import {
  copyIndex,
  hasLog,
  type IndexPlace,
  knownDisksIn,
  openCommitLog,
  recoverIndex,
  settleLog,
} from "./index-log.ts";
import { becomeHome, fittestHome, homeFirst, leaveHome } from "./index-home.ts";
import { DirectoryLooks } from "./directory-looks.ts";
import { FoundDirectories } from "./found-directories.ts";
import { ServedDirectories } from "./served-directories.ts";
import type { StoreDirectory, StoreLocation } from "./store-location.ts";
import { endOrphanedWorkers, forgetStopped, keptLastCommit, noteStopped } from "./worker-list.ts";
import { makePrivate, syncPath } from "../disk/small-file.ts";

/*
 * Makes of the names an operator gives the data directories of one store, locked for this process:
 * a new store is made in empty ones, an empty one is added to a store that is there, and all else
 * is refused before it is touched.
 */

export interface LockedStore extends StoreLocation, Disposable {
  /** True if the store was made just now. */
  readonly isNew: boolean;
  /** Directories whose disks gave no answer: the store is opened without them. */
  readonly silent: readonly string[];
  /** Holds the locks; its directories may become others while they are served. */
  readonly served: ServedDirectories;
}

export interface OpenDirectoriesOptions {
  readonly platform: Platform;
  readonly paths: readonly string[];
  /** True if a new store may be made, directories added, and a lost index made again. */
  readonly mayCreate: boolean;
  /** A person agreed to an index that may lack what only disks that are missing have. */
  readonly acceptLoss?: boolean | undefined;
  /**
   * Called with the data directories that were found, before an index is made or changed; what it
   * throws refuses the start. True: the store was served before.
   */
  readonly beforeIndex?: ((directories: readonly string[], wasServed: boolean) => void) | undefined;
  /** Called while the index is moved forward or made again. */
  readonly onProgress?: IndexPlace["onProgress"];
}

/** The name of the one engine there is so far; rows of the map refer to it. */
export const engineName = "main";

/** The index lies here, in the first data directory. */
export function indexPath(location: Pick<StoreLocation, "directories">): string {
  return join(homeOf(location), "index");
}

function homeOf({ directories }: Pick<StoreLocation, "directories">): string {
  const [first] = directories;
  return must(first, "a store has a data directory").path;
}

export function disksOf(
  { hash }: Pick<Platform, "hash">,
  { store, directories }: Pick<StoreLocation, "store" | "directories">,
  observations?: DiskObservations,
): ExtentDisks {
  const open = ({ path, disk }: StoreDirectory): Disk =>
    observations?.observe(disk, openDisk(path)) ?? openDisk(path);
  const dataDisks = directories.map((one) => localDataDisk(hash, one.disk, open(one)));
  return { store, disks: dataDisks };
}

export async function openStoreDirectories(options: OpenDirectoriesOptions): Promise<LockedStore> {
  const { platform, mayCreate } = options;
  const given = options.paths.map((path) => resolve(path));
  const looks = new DirectoryLooks(platform);
  const paths = await homeFirst(platform, given, looks);
  const [first = ""] = paths;
  const isNew = !(await isDataDirectory(first));
  if (isNew && !mayCreate)
    throw new StoreError(
      "missing",
      `${first} holds no store: name its data directories with --data`,
    );
  if (isNew) await refuseOthersStores(paths, looks.silent);
  const found = new FoundDirectories(platform, looks);
  try {
    for (const path of paths) {
      if (isNew) makeDataDirectory(path);
      if (isNew || path === first) found.lock(path);
    }
    await endOrphanedWorkers(first, platform);
    const { missing, ...location } = await identify(options, paths, found);
    const { store, directories } = location;
    if (mayCreate) {
      const place = { platform, path: indexPath(location), disks: disksOf(platform, location) };
      await settleLog(place, location.known); // a disk may have been added
    }
    if (mayCreate) for (const { path } of directories) makePrivate(path, platform.log);
    const locks = new Map(directories.map(({ path, disk }) => [disk, found.takeLock(path)]));
    const served = new ServedDirectories({
      platform,
      store,
      directories,
      missing: missing.map(({ disk, name }) => ({ disk, path: name })),
      places: given,
      locks,
    });
    if (mayCreate) {
      forgetStopped(homeOf(location));
      await served.noteOthers();
    }
    platform.log("debug", "data_directories_locked", { count: directories.length });
    const { silent } = looks;
    return { ...location, isNew, silent, served, [Symbol.dispose]: () => served[Symbol.dispose]() };
  } catch (error) {
    found.giveUp();
    throw error;
  }
}

async function isDataDirectory(path: string): Promise<boolean> {
  return existsSync(path) && (await readIdentity(openDisk(path))) !== undefined;
}

/** The first directory would begin a store, so the others must not belong to one. */
async function refuseOthersStores(
  paths: readonly string[],
  silent: readonly string[],
): Promise<void> {
  // holds: C9 no-new-store-beside-a-silent-disk
  if (silent.length > 0) {
    const fix = "see to its disk, or leave it out of --data";
    const message = `${silent.join(", ")} gives no answer, and may hold a store already: ${fix}`;
    throw new StoreError("unavailable", message);
  }
  for (const path of paths) {
    if (!existsSync(path)) continue;
    const identity = await readIdentity(openDisk(path));
    if (identity === undefined) continue;
    const fix = "name the directory that holds the index first";
    const message = `${path} belongs to a store already, ${paths[0]} does not: ${fix}`;
    throw new StoreError("foreign", message);
  }
}

interface Identified extends StoreLocation {
  /** Disks of the store that were not found. */
  readonly missing: readonly DiskRow[];
}

/**
 * Finds the disks of the store: where the operator said, and where they were last. Called with the
 * first directory locked. Directories without identity get theirs last, when nothing speaks against
 * it any more. A store whose disks are not all there is opened without them.
 */
async function identify(
  options: OpenDirectoriesOptions,
  paths: readonly string[],
  found: FoundDirectories,
): Promise<Identified> {
  const { platform, mayCreate } = options;
  const [home = "", ...others] = paths;
  const before = await readIdentity(openDisk(home));
  const store = before?.store ?? idOfBytes<StoreId>(platform.random.bytes(idBytes));
  const holdsIndex = before?.holdsIndex ?? true;
  if (!holdsIndex && !mayCreate) throw noIndex(home);
  await found.initialise(home, { store, holdsIndex });
  for (const path of others) {
    // Its log has the first rows already, so a new store has all its disks before its index.
    if (before === undefined) await found.initialise(path, { store, holdsIndex: false });
    else await found.look(path, { store, isGiven: true });
  }
  found.check();
  for (const path of found.otherDirectories()) await found.look(path, { store, isGiven: false });
  // The first directory of the last supervisor may be lost, with its list.
  for (const { path } of found.directories) await endOrphanedWorkers(path, platform);
  const here = { store, directories: found.directories };
  const { generation: served } = await newestGeneration(platform.hash, disksOf(platform, here));
  options.beforeIndex?.(
    here.directories.map(({ path }) => path),
    served > 0,
  );
  const index = await openAtHome(options, { store, found, holdsIndex });
  try {
    const rows = await readDisks(index);
    const known = rows.filter(({ state }) => state !== "removed");
    found.leaveOut(({ disk }, isGiven) => {
      const row = rows.find((one) => one.disk === disk);
      return row?.state === "removed" || (row === undefined && !isGiven);
    });
    const isFound = ({ disk }: DiskRow): boolean => {
      return found.directories.some((one) => one.disk === disk);
    };
    const seen = found.directories.length;
    for (const row of known) {
      if (!isFound(row)) await found.look(row.name, { store, isGiven: false, disk: row.disk });
    }
    const more = disksOf(platform, { store, directories: found.directories.slice(seen) });
    if (more.disks.length > 0) await requireOwnIndex({ platform, index, disks: more });
    const missing = known.filter((row) => !isFound(row));
    const newcomers = newDirectories(options, paths, found, missing);
    for (const path of newcomers) await found.initialise(path, { store, holdsIndex: false });
    const { directories } = found;
    if (mayCreate) {
      const mounts = await Promise.all(directories.map(mountOf));
      const registry = earlyRegistryOf(platform, index);
      await changeDisks(registry, mountDisks(mounts, platform.clock.now(), "add"));
    }
    const whole = { platform, index, disks: disksOf(platform, { store, directories }) };
    const { generation } = await requireStoreRow(index, { store, generation: 0 });
    const now = mayCreate ? await beginGeneration(whole, generation) : generation;
    const count = directories.length + missing.length;
    return { store, directories, missing, known: count, generation: now };
  } finally {
    await index.close();
  }
}

/**
 * The directories to add to the store: those without an identity that the operator names. While a
 * disk is missing none is added by a start, since an empty directory may be where that disk should
 * be mounted. StoreError where a name can only be a mistake.
 */
function newDirectories(
  { platform, mayCreate }: OpenDirectoriesOptions,
  paths: readonly string[],
  found: FoundDirectories,
  missing: readonly DiskRow[],
): readonly string[] {
  const unknown = paths.filter((path) => !found.isKnown(path));
  if (missing.length > 0) {
    const places = new Set(missing.map(({ name }) => name));
    for (const path of unknown.filter((one) => !places.has(one))) {
      const fix = `add it once the server runs: holdfast disk add ${path}`;
      platform.log("warn", "directory_not_added", { path, why: "disks are missing", fix });
    }
    return [];
  }
  for (const path of unknown) {
    if (!existsSync(path)) throw notThere(path);
    if (!mayCreate) throw new StoreError("missing", `${path} is no data directory`);
  }
  return unknown;
}

async function mountOf({ path, disk }: StoreDirectory): Promise<DiskMount> {
  const { bytesTotal } = await openDisk(path).space();
  return { disk, name: path, capacityBytes: bytesTotal };
}

interface ChosenHome {
  readonly store: StoreId;
  /** The first of them is the home: its identity says so, or none does. */
  readonly found: FoundDirectories;
  readonly holdsIndex: boolean;
}

/**
 * The index, at its home. Only the index knows the state of the disks: where it was made again on
 * one that is not the fittest, or lies on one that was removed, it moves to the fittest.
 */
async function openAtHome(
  options: OpenDirectoriesOptions,
  { store, found, holdsIndex }: ChosenHome,
): Promise<LmdbEngine> {
  const { directories } = found;
  const home = must(directories[0], "a store has a data directory");
  const index = await openIndex(options, { store, directories });
  let fittest: StoreDirectory | undefined;
  try {
    const rows = await readDisks(index);
    const isRemoved = rows.some(({ disk, state }) => disk === home.disk && state === "removed");
    if (holdsIndex && !isRemoved) return index;
    fittest = fittestHome(rows, directories);
    if (fittest === undefined || !options.mayCreate) throw onRemoved(home.path);
    if (fittest.path === home.path) {
      await becomeHome(options.platform, home);
      return index;
    }
  } catch (thrown) {
    await index.close();
    throw thrown;
  }
  await index.close();
  return await moveHome(options, { store, found }, home, fittest);
}

/** Cut off anywhere, it is done again by the next start. */
async function moveHome(
  options: OpenDirectoriesOptions,
  { store, found }: Pick<ChosenHome, "store" | "found">,
  from: StoreDirectory,
  to: StoreDirectory,
): Promise<LmdbEngine> {
  const { platform } = options;
  const [source = "", copy = ""] = [from, to].map((one) => indexPath({ directories: [one] }));
  await copyIndex(platform, source, copy);
  found.putFirst(to.path);
  const index = await openIndex(options, { store, directories: found.directories });
  try {
    // First, since of two homes that are equally new none can give way to the other.
    await leaveHome(platform, from, to.path);
    await becomeHome(platform, to);
    return index;
  } catch (thrown) {
    await index.close();
    throw thrown;
  }
}

/**
 * The index of these data directories, and no other (C9). It is made where the store was never
 * served: an identity was written, and the first start was cut off.
 */
async function openIndex(
  { platform, mayCreate, acceptLoss = false, onProgress }: OpenDirectoriesOptions,
  location: Pick<StoreLocation, "store" | "directories">,
): Promise<LmdbEngine> {
  const path = indexPath(location);
  const disks = disksOf(platform, location);
  // Who only looks at the store is not refused.
  const mayLackLast = mayCreate && !acceptLoss && !keptLastCommit(homeOf(location));
  const place = { platform, path, disks, onProgress, mayLackLast };
  let recovered: Recovered | undefined;
  let known = disks.disks.length;
  if (hasEnvironment(path) || (await hasLog(place))) {
    recovered = await recoverIndex(place, mayCreate);
    known = (await knownDisksIn(platform, path)).length;
    // What stands on too few disks belongs to a log that has ended.
    if (mayCreate && known > 0 && (await settleLog(place, known, acceptLoss)))
      recovered = undefined;
  } else {
    await requireNeverServed(platform, disks, path);
    if (!mayCreate) throw new StoreError("missing", `${path} holds no index: serve the store once`);
    makeEnvironment(path);
  }
  const { generation } = await newestGeneration(platform.hash, disks);
  const logged = { disks, known: () => known, generation: generation + 1 };
  const commitLog = openCommitLog(platform, logged);
  const { hash, log } = platform;
  const index = await openLmdbEngine({ path, hash, log, commitLog });
  try {
    if (commitLog !== undefined) await appendSparse(platform, commitLog, recovered?.sparse);
    if (mayCreate) await claimIndex({ platform, index, engineName, disks }, path);
    await requireOwnIndex({ platform, index, disks });
    return index;
  } catch (thrown) {
    await index.close();
    throw thrown;
  }
}

/**
 * With every process stopped: a store of one disk that has more by now has a log from here on.
 * Returns how many it has, as the registry says.
 */
export async function beginLog(platform: Platform, location: StoreLocation): Promise<number> {
  const place = { platform, path: indexPath(location), disks: disksOf(platform, location) };
  const { length } = await knownDisksIn(platform, place.path);
  await settleLog(place, length);
  return length;
}

function onRemoved(path: string): StoreError {
  const fix =
    "name the other data directories with --data and serve the store, which moves the index to one of them";
  const what = `the index lies in ${path}, whose disk was removed from this store`;
  return new StoreError("missing", `${what}: ${fix}`);
}

function noIndex(path: string): StoreError {
  const fix =
    "name the directory that does, or serve the store: then it is made again from its log";
  return new StoreError("missing", `${path} does not hold the index: ${fix}`);
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
  const disks = disksOf(platform, location);
  const path = indexPath(location);
  const { generation, known } = location;
  const commitLog = openCommitLog(platform, { disks, known: () => known, generation });
  const index = await openLmdbEngine({ path, hash: platform.hash, log: platform.log, commitLog });
  try {
    await beginGeneration({ platform, index, disks }, generation);
  } finally {
    await index.close();
  }
  syncPath(dataFileOf(path));
  noteStopped(homeOf(location));
}
