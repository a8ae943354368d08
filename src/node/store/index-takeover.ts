import { join } from "node:path";
import { messageOf, StoreError } from "../../base/errors.ts";
import { noteHoldsIndex, readIdentity } from "../../extent/data-directories.ts";
import type { Platform } from "../../platform/platform.ts";
import { beginGeneration } from "../../server/index-ownership.ts";
import { appendSparse, type Recovered } from "../../server/index-recovery.ts";
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
import { disksOf } from "./store-directories.ts";
import type { StoreDirectory, StoreLocation } from "./store-location.ts";

/*
 * What the supervisor does when its processes lost the index, with all of them stopped: an index
 * that a sync failed for is verified; one that is gone, or damaged, is made again from its log, in
 * the same data directory or, where that one is lost too, in another.
 */

export interface TakeoverOptions {
  readonly platform: Platform;
  readonly location: StoreLocation;
  readonly onProgress?: IndexPlace["onProgress"];
  readonly signal?: IndexPlace["signal"];
}

/** Returns the data directory that holds the index from now on. */
export async function takeOverIndex(options: TakeoverOptions): Promise<StoreDirectory> {
  const { platform, location } = options;
  const [home, ...others] = location.directories;
  if (home === undefined) throw new StoreError("missing", "a store has a data directory");
  let failure: unknown;
  for (const directory of [home, ...others]) {
    try {
      await requireThere(directory);
      if (directory === home) await recoverAtHome(options, directory);
      else {
        await moveTo(options, directory);
        await giveUpFailing(options, home);
      }
      return directory;
    } catch (thrown) {
      if (location.known < 2 || !isLost(thrown)) throw thrown;
      const fields = { disk: directory.path, message: messageOf(thrown) };
      platform.log("error", "index_not_recovered", fields);
      failure ??= thrown;
    }
  }
  throw failure;
}

export async function requireThere({ path, disk }: StoreDirectory): Promise<void> {
  const identity = await readIdentity(openDisk(path));
  if (identity?.disk !== disk)
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
  const recovered = await makeIndexAgain(placeIn(options, directory), "its disk is lost");
  await beginAgain(options, directory, recovered);
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
