import { must } from "../../base/assert.ts";
import { StoreError } from "../../base/errors.ts";
import { IndexDamage } from "../../engine/index-damage.ts";
import { indexRemedy, leastGeneration, requireStoreRow } from "../../keymap/store-generation.ts";
import type { Platform } from "../../platform/platform.ts";
import { hasEnvironment, openLmdbEngine, verifyLmdb } from "../lmdb/lmdb-engine.ts";
import { disksOf, indexPath, type StoreLocation } from "./store-directories.ts";

/**
 * For when a sync has failed, or the index was not found where it was: what the disk holds then is known only by reading it. Reads
 * every row; StoreError `corrupt`, with what to do, where one is damaged, `missing` or `foreign` where it is not the index of this store.
 */
export async function verifyIndex(platform: Platform, location: StoreLocation): Promise<void> {
  const path = indexPath(location);
  await requireThere(platform, location);
  const report = await verifyLmdb({ path, hash: platform.hash });
  if (report.problemCount === 0) return;
  for (const { message } of report.problems) platform.log("error", "index_problem", { message });
  const what = `verification found ${report.problemCount} problems in ${path}`;
  // The next start must not reclaim before it has verified the index itself.
  const [home] = disksOf(location).disks;
  const damage = new IndexDamage(platform, must(home, "a store has a data directory").disk);
  damage.seen(what);
  await damage.settled();
  const fix =
    "see to the disk, copy the data directories elsewhere, then run holdfast check --repair";
  throw new StoreError("corrupt", `${what}; the server stays down: ${fix}`);
}

async function requireThere(platform: Platform, location: StoreLocation): Promise<void> {
  const path = indexPath(location);
  if (!hasEnvironment(path)) {
    throw new StoreError("missing", `the index is no longer in ${path}: ${indexRemedy}`);
  }
  const disks = disksOf(location);
  const index = await openLmdbEngine({ path, hash: platform.hash, log: platform.log });
  try {
    const generation = await leastGeneration(platform, disks, location.generation);
    await requireStoreRow(index, { store: location.store, generation });
  } finally {
    await index.close();
  }
}
