import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { open } from "lmdb";
import type { RootDatabase } from "lmdb";
import { StoreError } from "../../base/errors.ts";
import { assertDataFile } from "./data-file.ts";
import { toStoreError } from "./lmdb-error-codes.ts";

/*
 * The directory of an LMDB environment.
 *
 * LMDB itself makes neither the names of its files durable nor its first two pages. So a new
 * environment is made under another name, synced, and renamed into place: it is there whole or not
 * at all. And what is there is synced before anybody reads it, since a process that was killed may
 * have left pages that only the page cache has.
 *
 * Never open and close `lock.mdb` here: POSIX drops all of a process's locks on a file when it
 * closes any descriptor of it, and LMDB's would be among them.
 */

export type Database = RootDatabase<Uint8Array, Uint8Array>;

/**
 * @limit Address space for the map, and so the size up to which growing costs nothing: rows of 500
 * B for 120 million objects. Past it the binding maps the file again at twice the size.
 */
const mapBytes = 64 * 1024 ** 3;
/**
 * @limit Readers of all processes together: 64 processes with 15 snapshots each and their own. 64 B
 * each in lock.mdb.
 */
const readersMax = 1024;
/**
 * LMDB writes to the lock file through a map, and would die of a full disk there (SIGBUS); so it
 * gets its blocks when it is made. A little more than `readersMax` need: LMDB takes the file's size
 * as it is.
 */
const lockFileBytes = readersMax * 64 + 4096;

export const dataFileOf = (path: string): string => join(path, "data.mdb");

export interface EnvironmentOptions {
  /**
   * A commit syncs its pages, and its meta page only with the pages of the next one: a power cut
   * may undo the last commit, and no other. For an index that is rolled forward from its log.
   */
  readonly mayLoseLastCommit?: boolean | undefined;
}

/** Opens the environment that is there; StoreError `missing` where there is none. */
export function openEnvironment(path: string, options: EnvironmentOptions = {}): Database {
  if (!hasEnvironment(path)) throw new StoreError("missing", `there is no index in ${path}`);
  try {
    assertDataFile(dataFileOf(path));
    syncFile(dataFileOf(path));
    syncFile(path);
    syncFile(dirname(path));
    return openDatabase(path, options);
  } catch (thrown) {
    throw toStoreError(thrown, `index in ${path}: opening`);
  }
}

export function hasEnvironment(path: string): boolean {
  return existsSync(dataFileOf(path));
}

/**
 * Makes an empty environment in a directory that is not there or empty (whose parent is). For the
 * one process that holds the locks of the data directories, and that knows there never was another.
 */
export function makeEnvironment(path: string): void {
  const unfinished = `${path}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished);
  writeFileSync(join(unfinished, "lock.mdb"), new Uint8Array(lockFileBytes));
  // Nothing was queued, so closing has nothing to wait for and is done when the call returns.
  void openDatabase(unfinished).close();
  syncFile(dataFileOf(unfinished));
  syncFile(unfinished);
  renameSync(unfinished, path);
  syncFile(dirname(path));
}

function openDatabase(path: string, options: EnvironmentOptions = {}): Database {
  return open<Uint8Array, Uint8Array>({
    path,
    noMetaSync: options.mayLoseLastCommit === true,
    noSubdir: false,
    encoding: "binary",
    keyEncoding: "binary",
    compression: false,
    cache: false,
    // With this option other processes read rows that are not durable yet; without it costs nothing
    // (measured).
    overlappingSync: false,
    // With this option a failed commit also rejects a promise of the binding's own that nobody can
    // handle.
    eventTurnBatching: false,
    mapSize: mapBytes,
    maxReaders: readersMax,
  });
}

/** Syncs a file; for a directory, the names in it. */
function syncFile(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
