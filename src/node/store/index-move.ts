import { rm } from "node:fs/promises";
import { join } from "node:path";
import { must } from "../../base/assert.ts";
import { messageOf, StoreError } from "../../base/errors.ts";
import { IndexDamage } from "../../engine/index-damage.ts";
import type { DataDisk } from "../../extent/extent-files.ts";
import type { DiskId } from "../../format/ids.ts";
import { readDisks } from "../../keymap/disk-registry.ts";
import type { Platform } from "../../platform/platform.ts";
import { isLeftByIndex } from "../../server/index-move.ts";
import { rollTo } from "../../server/index-recovery.ts";
import type { NewIndex } from "../../server/index-recovery.ts";
import { openLmdbEngine } from "../lmdb/lmdb-engine.ts";
import { type LmdbReplay, openLmdbReplay } from "../lmdb/replay.ts";
import { becomeHome, leaveHome } from "./index-home.ts";
import { type IndexPlace, newIndexAt, putInPlace, recoverIndex } from "./index-log.ts";
import { beginAgain, placeIn, requireThere, type TakeoverOptions } from "./index-takeover.ts";
import type { StoreDirectory } from "./store-location.ts";
import { forgetStopped } from "./worker-list.ts";

/*
 * A move of the index from its home to another data directory. The copy is made by the background
 * worker in a directory of its own, which no start looks at. The supervisor makes it the index with
 * all processes stopped, where it can show that it is the same: it stands at the last record that
 * the index at home has. The home gives up before the other directory becomes it, so that there are
 * never two: between the two there is none, and a start then makes the index again from its log.
 */

function copyIn(directory: string): string {
  return join(directory, "index.moving");
}

/** Removes what a copy that came to nothing left, also one that was cut off while it was made. */
export async function clearCopy(directory: string): Promise<void> {
  for (const path of [copyIn(directory), `${copyIn(directory)}.new`]) {
    await rm(path, { recursive: true, force: true });
  }
}

/** An empty index for a copy in a data directory, which must be the disk that is meant. */
export async function beginCopy(
  platform: Platform,
  { id, disk }: DataDisk,
): Promise<LmdbReplay & NewIndex> {
  await requireThere(platform, { path: disk.name, disk: id });
  try {
    await clearCopy(disk.name);
    return await newIndexAt(platform, copyIn(disk.name));
  } catch (cause) {
    const message = `a copy of the index cannot be made in ${disk.name}: ${messageOf(cause)}`;
    throw new StoreError("io", message, { cause });
  }
}

/** Writes the space that an index keeps ahead while nobody waits for it: it takes seconds. */
export async function reserveCopy(
  { hash, log }: Pick<Platform, "hash" | "log">,
  { disk }: DataDisk,
): Promise<void> {
  const copy = await openLmdbEngine({ path: copyIn(disk.name), hash, log });
  await copy.close();
}

export interface HandOverOptions extends TakeoverOptions {
  /** Called once the index is in this data directory, which it stays in whatever is thrown then. */
  readonly onMoved: (home: StoreDirectory) => void;
}

/**
 * With every process stopped: makes the copy on that disk the index. Where it throws before
 * `onMoved` the index is where it was, or where that was given up already, made again by a takeover.
 */
export async function handOverIndex(options: HandOverOptions, disk: DiskId): Promise<void> {
  const { platform, location } = options;
  const home = must(location.directories[0], "a store has a data directory");
  const to = location.directories.find((one) => one.disk === disk);
  if (to === undefined || to === home) {
    throw new StoreError("missing", "the disk that the index was copied to is not there");
  }
  await requireThere(platform, to);
  // No power was cut since its processes ended, so it has all that was acknowledged.
  const place = { ...placeIn(options, home), mayLackLast: false };
  const recovered = await recoverIndex(place, false);
  if (recovered === undefined) throw new StoreError("invalid", "the index has no log");
  await requireUndamaged(place);
  const copy = openLmdbReplay(copyIn(to.path), platform.hash);
  try {
    const { commits } = await rollTo(place, copy, recovered.position);
    await requireWanted(copy, home, to);
    const { sequence } = recovered.position;
    platform.log("info", "index_copy_whole", { path: to.path, commits, sequence });
  } finally {
    await copy.close();
  }
  putInPlace(platform, copyIn(to.path), placeIn(options, to).path);
  await leaveHome(platform, home, to.path);
  forgetStopped(to.path); // of a time when it was the home before
  await becomeHome(platform, to);
  options.onMoved(to);
  await beginAgain(options, to, recovered);
}

/** The mark of damage stays on the disk: it would be forgotten. */
async function requireUndamaged({ platform, disks }: IndexPlace): Promise<void> {
  const home = must(disks.disks[0], "a store has a data directory");
  const mark = await new IndexDamage(platform, home.disk).mark();
  if (mark !== undefined) throw new StoreError("corrupt", `the index is damaged: ${mark.message}`);
}

/** No process is there to change its disks any more. */
async function requireWanted(
  { reader }: LmdbReplay,
  home: StoreDirectory,
  to: StoreDirectory,
): Promise<void> {
  const rows = await readDisks(reader);
  const isLeft = rows.some((row) => row.disk === home.disk && isLeftByIndex(row));
  const isActive = rows.some((row) => row.disk === to.disk && row.state === "active");
  if (isLeft && isActive) return;
  throw new StoreError("cancelled", "the state of a disk was changed: the index stays");
}
