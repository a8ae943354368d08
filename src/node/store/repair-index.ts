import { resolve } from "node:path";
import { must } from "../../base/assert.ts";
import { decodeUtf8 } from "../../base/bytes.ts";
import { StoreError } from "../../base/errors.ts";
import type { VerifyReport } from "../../engine/engine.ts";
import { IndexDamage } from "../../engine/index-damage.ts";
import { readIdentity } from "../../extent/data-directories.ts";
import { decodeBucketRow } from "../../format/bucket-row.ts";
import type { BucketId } from "../../format/ids.ts";
import { openRow } from "../../format/row-envelope.ts";
import { bucketNameOfKey, nameOfRow, rowKeyOf, space } from "../../format/row-keys.ts";
import { indexRemedy, lowestGeneration, requireStoreRow } from "../../keymap/store-generation.ts";
import type { Platform } from "../../platform/platform.ts";
import { openDisk } from "../disk/disk.ts";
import {
  hasEnvironment,
  openLmdbEngine,
  repairLmdb,
  type RepairResult,
  verifyDataFile,
  verifyLmdb,
} from "../lmdb/lmdb-engine.ts";
import { disksOf, indexPath } from "./store-directories.ts";
import type { StoreLocation } from "./store-location.ts";
import { StoreLock } from "./store-lock.ts";
import { endOrphanedWorkers } from "./worker-list.ts";

/*
 * Verifying and repairing the index of a stopped store, before it is opened, since opening a
 * damaged one may end the process.
 */

export interface StoppedIndex {
  readonly platform: Platform;
  /** Data directories; the first holds the index. */
  readonly paths: readonly string[];
  readonly signal: AbortSignal;
  readonly onProgress?: ((doing: string, rows: number) => void) | undefined;
}

export interface IndexRepair extends Omit<RepairResult, "outcome" | "lost"> {
  /** `sound`: nothing was damaged. */
  readonly outcome: RepairResult["outcome"] | "sound";
  /** Descriptions of the damage found. */
  readonly problems: readonly string[];
  readonly problemCount: number;
  /** Rows that are lost, or would be. */
  readonly lost: readonly { readonly row: string; readonly message: string }[];
}

/**
 * Verifies the pages of the index, which nobody may have open. Changes nothing but that damage is
 * marked.
 */
export function inspectIndex(index: StoppedIndex): Promise<VerifyReport> {
  return withIndex(index, (path, damage) => inspect(index, path, damage));
}

/**
 * Rebuilds a damaged index from the rows that can be proved. Nothing is lost unless `acceptLoss`
 * says that a person agreed.
 */
export function repairIndex(index: StoppedIndex, acceptLoss: boolean): Promise<IndexRepair> {
  return withIndex(index, async (path, damage) => {
    const { rows, problems, problemCount } = await inspect(index, path, damage);
    const mark = await damage.mark();
    const found = { problems: problems.map(({ message }) => message), problemCount };
    const names = new Map<BucketId, string>();
    const { hash } = index.platform;
    const result =
      problemCount === 0
        ? undefined
        : await repairLmdb({
            path,
            hash,
            acceptLoss,
            mayLose,
            suffix: new Date(index.platform.clock.now()).toISOString().replaceAll(":", ""),
            onRow: (key, enveloped) => {
              if (key[0] !== space.buckets) return;
              const { id } = decodeBucketRow(openRow(hash, key, enveloped).value);
              names.set(id, decodeUtf8(bucketNameOfKey(key)));
            },
            onProgress: (copied) => index.onProgress?.("copying", copied),
            signal: index.signal,
          });
    const isGood = result === undefined || result.outcome === "repaired";
    if (isGood && mark !== undefined) await damage.clear(mark);
    if (result === undefined) return { ...sound, ...found, rowsKept: rows };
    const lost = result.lost.map(({ key, message }) => ({ row: nameOfRow(key, names), message }));
    return { ...result, ...found, lost };
  });
}

const sound = {
  outcome: "sound" as const,
  lost: [],
  lostCount: 0,
  missingCount: 0,
  message: "the index is not damaged",
  keptFile: undefined,
};

/** Rows of keys, and what only says which space could be used again or whose processes are gone. */
const dispensable: ReadonlySet<number> = new Set([
  space.heads,
  space.versions,
  space.uploads,
  space.parts,
  space.garbage,
  space.changes,
  space.sessions,
  space.leases,
]);

function mayLose(key: Uint8Array): boolean {
  return dispensable.has(rowKeyOf(key)[0] ?? 0);
}

async function inspect(
  { platform, signal, onProgress }: StoppedIndex,
  path: string,
  damage: IndexDamage,
): Promise<VerifyReport> {
  const report = await verifyDataFile({
    path,
    hash: platform.hash,
    signal,
    onProgress: ({ rows }) => onProgress?.("verifying", rows),
  });
  if (report.problemCount > 0) damage.seen(`a check found ${report.problemCount} problems`);
  await damage.settled();
  return report;
}

/** Runs the work with the first data directory locked, before anything of the index is read. */
async function withIndex<T>(
  { platform, paths }: StoppedIndex,
  work: (path: string, damage: IndexDamage) => Promise<T>,
): Promise<T> {
  const directory = resolve(must(paths[0], "a store has a data directory"));
  const disk = openDisk(directory);
  const identity = await readIdentity(disk);
  if (identity === undefined) {
    throw new StoreError(
      "missing",
      `${directory} holds no store: name its data directories with --data`,
    );
  }
  if (!identity.holdsIndex) {
    const fix = "name the directory that holds the index first";
    throw new StoreError("invalid", `${directory} does not hold the index: ${fix}`);
  }
  using _lock = StoreLock.take(directory);
  await endOrphanedWorkers(directory, platform);
  const directories = [{ path: directory, disk: identity.disk }];
  return await work(indexPath({ directories }), new IndexDamage(platform, disk));
}

/**
 * Verifies the index after a failed sync, or where it was not found at its place: only reading
 * shows what the disk holds. Reads every row; StoreError `corrupt`, with what to do, where one is
 * damaged, `missing` or `foreign` where it is not the index of this store.
 */
export async function verifyIndex(platform: Platform, location: StoreLocation): Promise<void> {
  const path = indexPath(location);
  await requireThere(platform, location);
  const report = await verifyLmdb({ path, hash: platform.hash });
  if (report.problemCount === 0) return;
  for (const { message } of report.problems) platform.log("error", "index_problem", { message });
  const what = `verification found ${report.problemCount} problems in ${path}`;
  // The next start must not reclaim before it has verified the index itself.
  const [home] = disksOf(platform, location).disks;
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
  const disks = disksOf(platform, location);
  const index = await openLmdbEngine({ path, hash: platform.hash, log: platform.log });
  try {
    const generation = await lowestGeneration(platform, disks, location.generation);
    await requireStoreRow(index, { store: location.store, generation });
  } finally {
    await index.close();
  }
}
