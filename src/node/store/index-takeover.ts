import { rm } from "node:fs/promises";
import { join } from "node:path";
import { must } from "../../base/assert.ts";
import { aborted } from "../../base/ready.ts";
import { isStoreError, messageOf, StoreError } from "../../base/errors.ts";
import { noteHoldsIndex, readIdentity } from "../../extent/data-directories.ts";
import { hangingMs } from "../../extent/observed-disk.ts";
import type { Platform } from "../../platform/platform.ts";
import { within } from "../../platform/within.ts";
import { beginGeneration } from "../../server/index-ownership.ts";
import { appendSparse, type Recovered, requireGoingOn } from "../../server/index-recovery.ts";
import { openDisk } from "../disk/disk.ts";
import { openLmdbEngine } from "../lmdb/lmdb-engine.ts";
import {
  type IndexPlace,
  isLost,
  makeIndexAgain,
  openCommitLog,
  recoverIndex,
} from "./index-log.ts";
import { becomeHome } from "./index-home.ts";
import { verifyIndex } from "./repair-index.ts";
import type { ServedDirectories } from "./served-directories.ts";
import { disksOf } from "./store-directories.ts";
import type { StoreDirectory, StoreLocation } from "./store-location.ts";
import { forgetStopped } from "./worker-list.ts";

/*
 * What the supervisor does when its processes lost the index, with all of them stopped: an index
 * that a sync failed for is verified; one that is gone, or damaged, is made again from its log, in
 * the same data directory or, where that one is lost too, or gives no answer, in another.
 */

export interface TakeoverOptions {
  readonly platform: Platform;
  readonly location: StoreLocation;
  readonly onProgress?: IndexPlace["onProgress"];
  readonly signal?: IndexPlace["signal"];
}

export interface ServedTakeover extends Omit<TakeoverOptions, "location"> {
  readonly served: ServedDirectories;
  /** The store with the directories that are served at the moment. */
  readonly locationNow: () => StoreLocation;
  /** The disk of the index gives no answer: nothing is asked of it. */
  readonly hangs: boolean;
}

/** @limit Where no other disk can take the index over, this is tried again after so long. */
const againMs = 15_000;

/**
 * Recovers the index without those data directories that give no answer. Where that is its home,
 * and no other one can take it over, waits for the first that can. Returns the data directory that
 * holds the index from now on.
 */
export async function takeOverServed(options: ServedTakeover): Promise<StoreDirectory> {
  const { platform, served, locationNow, signal, hangs } = options;
  const home = must(served.current[0], "a store has a data directory");
  const take = (): Promise<StoreDirectory> => {
    return takeOverIndex({ ...options, location: locationNow() }, home);
  };
  await unlessStopped(signal, served.giveUpSilent(hangs ? home : undefined));
  while (!served.current.some(({ disk }) => disk === home.disk)) {
    try {
      return await take();
    } catch (thrown) {
      if (signal?.aborted === true || !isStoreError(thrown)) throw thrown;
      const fields = { disk: home.path, message: messageOf(thrown) };
      platform.log("error", "index_waits_for_its_disk", fields);
    }
    const isAnswering = served.untilAnswering(home).then(() => true);
    const again = within(platform.clock, againMs, isAnswering);
    if ((await unlessStopped(signal, again)) === true) served.takeHomeBack(home);
    else await served.look(); // disks that were missing may be back
  }
  return await take();
}

/** Resolves as `work` does, which does not reject; StoreError once the signal aborts. */
async function unlessStopped<T>(
  signal: AbortSignal | undefined,
  work: Promise<T>,
): Promise<T | undefined> {
  const over = new AbortController();
  const signals = signal === undefined ? [over.signal] : [over.signal, signal];
  const stopped = aborted(AbortSignal.any(signals)).then(() => undefined);
  const answer = await Promise.race([work, stopped]);
  over.abort();
  requireGoingOn(signal);
  return answer;
}

/** Returns the data directory that holds the index from now on; `home` is the one that held it. */
export async function takeOverIndex(
  options: TakeoverOptions,
  home: StoreDirectory,
): Promise<StoreDirectory> {
  const { platform, location } = options;
  let failure: unknown = new StoreError("missing", "no data directory of the store answers");
  let isFirst = true;
  for (const directory of location.directories) {
    try {
      await requireThere(platform, directory);
      if (directory.disk === home.disk) await recoverAtHome(options, directory);
      else {
        await moveTo(options, directory);
        const isHomeThere = location.directories.some(({ disk }) => disk === home.disk);
        if (isHomeThere) await giveUpFailing(options, home);
      }
      return directory;
    } catch (thrown) {
      if (location.known < 2 || !isLost(thrown)) throw thrown;
      const fields = { disk: directory.path, message: messageOf(thrown) };
      platform.log("error", "index_not_recovered", fields);
      if (isFirst) failure = thrown;
      isFirst = false;
    }
  }
  throw failure;
}

/** StoreError `missing` where the data directory is not that disk, or does not answer in time. */
export async function requireThere(
  { clock }: Pick<Platform, "clock">,
  { path, disk }: StoreDirectory,
): Promise<void> {
  const look = readIdentity(openDisk(path)).then((identity) => ({ identity }));
  const answer = await within(clock, hangingMs, look);
  if (answer === undefined) throw new StoreError("missing", `${path} gives no answer`);
  if (answer.identity?.disk !== disk)
    throw new StoreError("missing", `${path} is no longer the disk it was`);
}

async function recoverAtHome(options: TakeoverOptions, home: StoreDirectory): Promise<void> {
  const { platform, location } = options;
  if (location.known < 2) return await verifyIndex(platform, location);
  const place = placeIn(options, home);
  let recovered = await recoverIndex(place, true);
  try {
    await verifyIndex(platform, location);
  } catch (thrown) {
    if (!isLost(thrown)) throw thrown;
    recovered = await makeIndexAgain(place, messageOf(thrown));
    await verifyIndex(platform, location);
  }
  await beginAgain(options, home, recovered);
  // A move to another disk may have failed when it had given up already.
  await noteHoldsIndex(openDisk(home.path), home.disk, true);
}

async function moveTo(options: TakeoverOptions, directory: StoreDirectory): Promise<void> {
  const { platform } = options;
  const place = placeIn(options, directory);
  // holds: C1 old-note-of-a-stop-forgotten
  forgetStopped(directory.path); // of a time when it was the home before
  const recovered = await makeIndexAgain(place, "its disk is lost");
  try {
    await beginAgain(options, directory, recovered);
  } catch (thrown) {
    await rm(place.path, { recursive: true, force: true }); // nobody was served from it
    throw thrown;
  }
  await becomeHome(platform, directory);
}

/** A home that is there and fails would be found as a second one by the next start. */
async function giveUpFailing({ platform }: TakeoverOptions, home: StoreDirectory): Promise<void> {
  try {
    await noteHoldsIndex(openDisk(home.path), home.disk, false);
  } catch (thrown) {
    const fields = { disk: home.path, message: messageOf(thrown) };
    platform.log("warn", "index_home_not_noted", fields); // it gives way once it is back
  }
}

export function placeIn(
  { platform, location, onProgress, signal }: TakeoverOptions,
  { path }: StoreDirectory,
): IndexPlace {
  const disks = disksOf(platform, location);
  // A sync that failed may have lost what the commits before it wrote.
  return { platform, path: join(path, "index"), disks, onProgress, signal, mayLackLast: true };
}

/** A generation of its own, so that an index that comes back is known to be older. */
export async function beginAgain(
  { platform, location }: TakeoverOptions,
  { path }: StoreDirectory,
  recovered: Recovered | undefined,
): Promise<void> {
  const disks = disksOf(platform, location);
  const { generation, known } = location;
  const commitLog = openCommitLog(platform, { disks, known: () => known, generation });
  const { hash, log } = platform;
  const index = await openLmdbEngine({ path: join(path, "index"), hash, log, commitLog });
  try {
    if (commitLog !== undefined) await appendSparse(platform, commitLog, recovered?.sparse);
    await beginGeneration({ platform, index, disks }, generation);
  } finally {
    await index.close();
  }
}
