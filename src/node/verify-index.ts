import { StoreError } from "../base/errors.ts";
import type { Platform } from "../platform/platform.ts";
import { verifyLmdb } from "./lmdb-engine.ts";
import { indexPath, type StoreLocation } from "./store-directories.ts";

/**
 * Reads every row of the index; StoreError `corrupt`, with what to do, where one is damaged. For when a sync has
 * failed: what the disk holds then is known only by reading it.
 */
export async function verifyIndex(platform: Platform, location: StoreLocation): Promise<void> {
  const path = indexPath(location);
  const report = await verifyLmdb({ path, hash: platform.hash });
  if (report.problemCount === 0) return;
  for (const { message } of report.problems) platform.log("error", "index_damaged", { message });
  const damage = `${report.problemCount} of ${report.rows} rows of ${path} are damaged`;
  const fix = "see to the disk, copy the data directories elsewhere, then run holdfast check";
  throw new StoreError("corrupt", `${damage}; the server stays down: ${fix}`);
}
