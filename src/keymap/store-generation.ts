import { StoreError, messageOf } from "../base/errors.ts";
import type { Change, EngineReader } from "../engine/engine.ts";
import { readDiskGeneration, writeDiskGeneration } from "../extent/disk-generation.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import type { ChangeId, StoreId } from "../format/ids.ts";
import { storeKey } from "../format/row-keys.ts";
import type { StoreRow } from "../format/system-rows.ts";
import { decodeStoreRow, encodeStoreRow } from "../format/system-rows.ts";
import type { Platform } from "../platform/platform.ts";
import { eachWithin } from "../platform/within.ts";
import { readRow } from "../engine/engine.ts";
import { idText } from "../format/ids.ts";

/*
 * Proves that the index belongs to the data directories, and is not behind them (C9). Both hold a
 * generation, which is counted up in the index first, durably, and then written to every data
 * directory. So no data directory is ever ahead of the index that belongs to it: where one is, the
 * index is an older copy. To serve from it would be to take for dead, and remove, what it does not
 * know of.
 */

/**
 * @limit A data directory that gives no answer while others do is taken to be away then: it says
 * nothing of the generation, and gets none.
 */
const answerMs = 10_000;

/** The remedy at the end of every refusal's message. */
export const indexRemedy =
  "mount the disk of the index, or put back the index that belongs to these data directories; nothing was changed";

export interface StoredStoreRow extends StoreRow {
  readonly stamp: ChangeId;
}

/** Undefined where the index has no rows yet. */
export async function readStoreRow(index: EngineReader): Promise<StoredStoreRow | undefined> {
  const row = await readRow(index, storeKey());
  return row && { ...decodeStoreRow(row.value), stamp: row.stamp };
}

/**
 * The row of the store; StoreError `missing` where the index is empty, `foreign` where it is of
 * another store or its generation is below the one it must have reached.
 */
export async function requireStoreRow(
  index: EngineReader,
  { store, generation }: { readonly store: StoreId | undefined; readonly generation: number },
): Promise<StoredStoreRow> {
  const row = await readStoreRow(index);
  if (row === undefined) throw new StoreError("missing", `the index is empty: ${indexRemedy}`);
  if (store !== undefined && row.store !== store) {
    const message = `the index is of store ${idText(row.store)}, not of ${idText(store)}`;
    throw new StoreError("foreign", `${message}: ${indexRemedy}`);
  }
  // holds: C9 index-not-behind-disks
  if (row.generation < generation) {
    const message = `the index is older than the data directories (generation ${row.generation}, they have seen ${generation})`;
    throw new StoreError("foreign", `${message}: ${indexRemedy}`);
  }
  return row;
}

export interface AdvanceOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  /** Commits in the system partition; says whether the change happened. */
  readonly commit: (change: Omit<Change, "id">) => Promise<boolean>;
}

/**
 * Counts the generation up by one, from the row given: in the index, and then on every data
 * directory that can be written (one that cannot, or gives no answer, stays behind, which does no
 * harm). The new generation; undefined where somebody else was first.
 */
export async function advanceGeneration(
  { platform, disks, commit }: AdvanceOptions,
  row: StoredStoreRow,
): Promise<number | undefined> {
  const generation = row.generation + 1;
  const key = storeKey();
  const value = encodeStoreRow({ ...row, generation });
  const checks = [{ key, expect: row.stamp }];
  if (!(await commit({ checks, puts: [{ key, value }], deletes: [] }))) return undefined;
  const written = disks.disks.map((disk) =>
    outcomeOf(writeDiskGeneration(platform.hash, disks.store, disk, generation)),
  );
  for (const [i, outcome] of (await eachWithin(platform.clock, answerMs, written)).entries()) {
    const message = failureIn(outcome);
    if (message === undefined) continue;
    const fields = { disk: disks.disks[i]?.disk.name, generation, message };
    platform.log("warn", "generation_not_written", fields);
  }
  return generation;
}

type Outcome<T> = { readonly value: T } | { readonly thrown: unknown };

function outcomeOf<T>(work: Promise<T>): Promise<Outcome<T>> {
  return work.then(
    (value) => ({ value }),
    (thrown: unknown) => ({ thrown }),
  );
}

/** Undefined where there is none. */
function failureIn(outcome: Outcome<unknown> | undefined): string | undefined {
  if (outcome === undefined) return `no answer for ${answerMs / 1000} seconds`;
  return "thrown" in outcome ? messageOf(outcome.thrown) : undefined;
}

/**
 * The lowest generation that the index may have for a process that opens it: the highest that data
 * directories have seen, read before the index. One that cannot be read says nothing; `atLeast` is
 * what the store's start found.
 */
export async function lowestGeneration(
  { hash, log, clock }: Platform,
  { store, disks }: ExtentDisks,
  atLeast: number,
): Promise<number> {
  const read = disks.map((disk) => outcomeOf(readDiskGeneration(hash, store, disk)));
  let lowest = atLeast;
  for (const [i, outcome] of (await eachWithin(clock, answerMs, read)).entries()) {
    if (outcome !== undefined && "value" in outcome) lowest = Math.max(lowest, outcome.value);
    else
      log("warn", "generation_not_read", {
        disk: disks[i]?.disk.name,
        message: failureIn(outcome),
      });
  }
  return lowest;
}
