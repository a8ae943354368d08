import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { isStoreError, messageOf, StoreError } from "../../base/errors.ts";
import { noteHoldsIndex, readIdentity } from "../../extent/data-directories.ts";
import { readDiskGeneration } from "../../extent/disk-generation.ts";
import { localDataDisk } from "../../extent/local-members.ts";
import type { StoreIdentity } from "../../format/data-directory.ts";
import type { DiskRow, DiskRowState } from "../../format/disk-row.ts";
import type { DiskId, StoreId } from "../../format/ids.ts";
import type { Platform } from "../../platform/platform.ts";
import { openDisk } from "../disk/disk.ts";
import { syncPath } from "../disk/small-file.ts";
import { DirectoryLooks } from "./directory-looks.ts";
import type { StoreDirectory } from "./store-location.ts";
import { forgetStopped } from "./worker-list.ts";

/*
 * Which data directory is the home of the index: the one whose identity says so, or, where several
 * do, the one that has seen the newest generation. The disk of the others was away when the index
 * was made again elsewhere. Where no directory says so the disk of the index is lost, and another
 * directory becomes its home.
 */

interface Place {
  readonly path: string;
  readonly identity: StoreIdentity;
}

/**
 * The paths that answer, with the home of the index first. Where it is none of them, and a
 * directory of a store knows where it is, it is added; where it is lost, or hangs, a directory of
 * the store is put first, for the index to be made again in. StoreError `unavailable` where none
 * answers.
 */
export async function homeFirst(
  platform: Pick<Platform, "hash" | "clock" | "log">,
  named: readonly string[],
  looks = new DirectoryLooks(platform),
): Promise<readonly string[]> {
  const paths = await looks.answering(named);
  const given = await placesAt(paths);
  const [one] = given;
  if (one === undefined) return paths;
  const { store } = one.identity;
  const others = new Set(given.flatMap(({ identity }) => identity.otherDirectories));
  const unnamed = [...others].filter((path) => !named.includes(path));
  const there = await Promise.all(unnamed.map((path) => looks.answers(path)));
  const more = await placesAt(unnamed.filter((_, i) => there[i]));
  const isHome = ({ identity }: Place): boolean => identity.store === store && identity.holdsIndex;
  const homes = [...given.filter(isHome), ...more.filter(isHome)];
  let home = homes[0] ?? one;
  for (const other of homes.slice(1)) if (await isNewer(platform, other, home)) home = other;
  return [home.path, ...paths.filter((path) => path !== home.path)];
}

async function placesAt(paths: readonly string[]): Promise<Place[]> {
  const places: Place[] = [];
  for (const path of new Set(paths)) {
    const identity = await identityAt(path);
    if (identity !== undefined) places.push({ path, identity });
  }
  return places;
}

/** Undefined also where it cannot be read: who opens the directory says what is wrong with it. */
async function identityAt(path: string): Promise<StoreIdentity | undefined> {
  try {
    return existsSync(path) ? await readIdentity(openDisk(path)) : undefined;
  } catch {
    return undefined;
  }
}

async function isNewer(
  platform: Pick<Platform, "hash">,
  place: Place,
  other: Place,
): Promise<boolean> {
  return (await generationOf(platform, place)) > (await generationOf(platform, other));
}

/** 0 where it cannot be read. */
async function generationOf(
  { hash }: Pick<Platform, "hash">,
  { path, identity }: Place,
): Promise<number> {
  try {
    const disk = localDataDisk(hash, identity.disk, openDisk(path));
    return await readDiskGeneration(hash, identity.store, disk);
  } catch (thrown) {
    if (isStoreError(thrown)) return 0;
    throw thrown;
  }
}

/** The states a new home of the index may be in, the best first. */
const homeStates: readonly (DiskRowState | undefined)[] = ["active", "emptying", "out", undefined];

/**
 * The directory that the index should be made again in, as the registry in it says: the first of
 * those whose disk is in the best state. Undefined where the disks of all were removed.
 */
export function fittestHome(
  rows: readonly DiskRow[],
  directories: readonly StoreDirectory[],
): StoreDirectory | undefined {
  const stateOf = (id: DiskId) => rows.find(({ disk }) => disk === id)?.state;
  for (const state of homeStates) {
    const fit = directories.find(({ disk }) => stateOf(disk) === state);
    if (fit !== undefined) return fit;
  }
  return undefined;
}

/**
 * A directory that was the home of the index while another one is it now: what it holds is an older
 * copy, which is kept aside. StoreError `invalid` where it is not known to be older.
 */
export async function giveUpHome(
  platform: Pick<Platform, "hash" | "log" | "clock">,
  home: string,
  former: string,
  store: StoreId,
): Promise<void> {
  const [now] = await placesAt([home]);
  const [before] = await placesAt([former]);
  const isOlder =
    now !== undefined && before?.identity.store === store && (await isNewer(platform, now, before));
  if (!isOlder) {
    const fix =
      "name one directory that holds the index, or put back the identity file of this one";
    throw new StoreError("invalid", `${former} holds an index too: ${fix}`);
  }
  await leaveHome(platform, { path: former, disk: before.identity.disk }, home);
}

/** The index lies at another home from now on; what is here is kept aside. */
export async function leaveHome(
  platform: Pick<Platform, "log" | "clock">,
  { path, disk }: StoreDirectory,
  home: string,
): Promise<void> {
  forgetStopped(path); // else it would stand here if the directory became the home again
  const kept = keepAside(platform, join(path, "index"));
  await noteHoldsIndex(openDisk(path), disk, false);
  platform.log("warn", "index_home_given_up", { path, home, kept });
}

/** The index lies in this data directory from now on. */
export async function becomeHome(
  { log }: Pick<Platform, "log">,
  { path, disk }: StoreDirectory,
): Promise<void> {
  await noteHoldsIndex(openDisk(path), disk, true);
  log("warn", "index_home_changed", { path });
}

/** Renames an index that is not to be used any more; where it is now, if there was one. */
export function keepAside(
  { clock, log }: Pick<Platform, "clock" | "log">,
  path: string,
): string | undefined {
  if (!existsSync(path)) return undefined;
  const kept = `${path}.before-${new Date(clock.now()).toISOString().replaceAll(":", "")}`;
  try {
    renameSync(path, kept);
    syncPath(join(path, ".."));
  } catch (cause) {
    const message = `${path} cannot be kept aside: ${messageOf(cause)}`;
    throw new StoreError("io", message, { cause });
  }
  log("warn", "index_kept_aside", { path: kept });
  return kept;
}
