import { StoreError } from "../base/errors.ts";
import { type Check, readRow, type Row } from "../engine/engine.ts";
import { decodeExtentRow, encodeExtentRow } from "../format/extent-row.ts";
import {
  decodeGarbageBatchRow,
  encodeGarbageBatchRow,
  type GarbageBatchRow,
} from "../format/garbage-row.ts";
import type { ExtentId } from "../format/ids.ts";
import {
  drainKey,
  extentKey,
  garbageBatchKey,
  idOfKey,
  space,
  spaceRange,
} from "../format/row-keys.ts";
import { decodeCounterRow, encodeCounterRow } from "../format/system-rows.ts";
import type { Keymap, Partition } from "../keymap/keymap.ts";

/*
 * Garbage rows stand in the partitions, the extent table in the system partition, and no commit
 * spans two. So:
 *
 *     partition   delete garbage rows, put a batch (their sum by extent) under the next
 *                 sequence number
 *     system      add the batch to the extents, put the sequence number as this partition's marker
 *     partition   delete the batch
 *
 * After a crash between any two of them the marker says whether the batch has been added. Batches
 * are numbered one after the other, and a new one is made only when there is none, so the marker
 * alone is enough.
 *
 * Only extents that were reconciled count their dead bytes here: the others are counted, drained or
 * not, when they are.
 */

/** @limit Two checks and two puts or fewer for each, within what a change may carry. */
const extentsPerBatch = 4096;
/** @limit Batches added to the extent table one after the other, before more are made. */
const batchesAtOnce = 512;
/** @limit Each failure means that somebody else changed one of the extents. */
const attemptsMax = 16;

/** Dead bytes by extent. */
export type GarbageSums = ReadonlyMap<ExtentId, number>;

/**
 * Puts the sum of these garbage rows in their place, if they are as they were read and no batch is
 * there. Whether it did.
 */
export async function makeBatches(
  keymap: Keymap,
  partition: Partition,
  summed: readonly Row[],
  sums: GarbageSums,
): Promise<boolean> {
  const next = (await readMarker(keymap, partition)).value + 1;
  const { outcome } = await partition.commit({
    id: keymap.session.nextChangeId(),
    checks: [
      ...summed.map((row): Check => ({ key: row.key, expect: row.stamp })),
      { key: garbageBatchKey(next), expect: "absent" },
    ],
    puts: batchesOf(sums).map((value, i) => ({ key: garbageBatchKey(next + i), value })),
    deletes: summed.map((row) => row.key),
  });
  return outcome === "ok";
}

function batchesOf(sums: GarbageSums): Uint8Array[] {
  const extents = [...sums].map(([extent, deadBytes]) => ({ extent, deadBytes }));
  const out: Uint8Array[] = [];
  for (let at = 0; at < extents.length; at += extentsPerBatch) {
    out.push(encodeGarbageBatchRow({ extents: extents.slice(at, at + extentsPerBatch) }));
  }
  return out;
}

/**
 * Adds the batches of a partition to the extent table, each once, and deletes them. `counted` is
 * called for each extent.
 */
export async function addBatches(
  keymap: Keymap,
  partition: Partition,
  counted: (extent: ExtentId) => void,
): Promise<void> {
  const { session } = keymap;
  const batches = await partition.scan(spaceRange(space.garbageBatches), { limit: batchesAtOnce });
  for (const { key, stamp, value } of batches) {
    const { extents } = decodeGarbageBatchRow(value);
    if (await addToExtents(keymap, partition, idOfKey(key), extents)) {
      for (const { extent } of extents) counted(extent);
    }
    // Where somebody else was first, it is gone, which is as well.
    await partition.commit({
      id: session.nextChangeId(),
      checks: [{ key, expect: stamp }],
      puts: [],
      deletes: [key],
    });
  }
}

/** False where it has been added before. */
async function addToExtents(
  keymap: Keymap,
  partition: Partition,
  sequence: number,
  extents: GarbageBatchRow["extents"],
): Promise<boolean> {
  const { system, session } = keymap;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const marker = await readMarker(keymap, partition);
    // holds: C5 batch-added-once
    if (marker.value >= sequence) return false;
    const checks = [marker.check];
    const puts = [{ key: marker.check.key, value: encodeCounterRow({ value: sequence }) }];
    for (const { extent, deadBytes } of extents) {
      const key = extentKey(extent);
      const row = await readRow(system, key);
      const before = row && decodeExtentRow(row.value);
      if (row === undefined || before?.state !== "reconciled") continue;
      const value = encodeExtentRow({ ...before, deadBytes: before.deadBytes + deadBytes });
      checks.push({ key, expect: row.stamp });
      puts.push({ key, value });
    }
    const id = session.nextChangeId();
    const { outcome } = await system.commit({ id, checks, puts, deletes: [] });
    if (outcome === "ok") return true;
  }
  throw new StoreError("overloaded", `extents changed under ${attemptsMax} attempts to count`);
}

/** The number of the last batch of a partition that was added. */
async function readMarker(
  { system }: Keymap,
  partition: Partition,
): Promise<{ readonly value: number; readonly check: Check }> {
  const key = drainKey(partition.id);
  const row = await readRow(system, key);
  const value = row === undefined ? 0 : decodeCounterRow(row.value).value;
  return { value, check: { key, expect: row?.stamp ?? "absent" } };
}
