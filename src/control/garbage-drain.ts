import { afterKey } from "../base/bytes.ts";
import { StoreError, isStoreError, messageOf } from "../base/errors.ts";
import type { Check, Row } from "../engine/engine.ts";
import { decodeExtentRow, encodeExtentRow } from "../format/extent-row.ts";
import {
  decodeGarbageBatchRow,
  decodeGarbageRow,
  encodeGarbageBatchRow,
} from "../format/garbage-row.ts";
import type { ExtentId } from "../format/ids.ts";
import { recordBytes } from "../format/record.ts";
import {
  drainKey,
  extentKey,
  garbageBatchKey,
  idOfKey,
  parseRoutedKey,
  space,
  spaceRange,
} from "../format/row-keys.ts";
import { decodeCounterRow, encodeCounterRow } from "../format/system-rows.ts";
import type { Keymap, Partition } from "../keymap/keymap.ts";
import type { Platform } from "../platform/platform.ts";
import type { BackgroundCounters } from "./counters.ts";
import type { Manifests } from "./extents/manifests.ts";
import type { StepOutcome, Worker } from "./worker-loop.ts";
import { readRow } from "../engine/engine.ts";

/*
 * Garbage rows stand in the partitions, the extent table in the system partition, and no commit spans two. So:
 *
 *     partition   delete garbage rows, put a batch: their sum by extent, under the next sequence number
 *     system      add the batch to the extents, put the sequence number as this partition's marker
 *     partition   delete the batch
 *
 * After a crash between any two of them the marker says whether the batch has been added. Batches are numbered one after
 * the other, and a new one is made only when there is none, so the marker alone is enough.
 *
 * Only extents that were reconciled count their dead bytes here: the others are counted, drained or not, when they are.
 */

/**
 * @limit Garbage rows in one batch; a row of one of the largest objects may name 20,000 extents.
 */
const rowsPerBatch = 512;
/**
 * @limit A batch takes three commits, however few rows it adds up: what is less than a whole one
 * waits for more, for so long. Under overwriting load a drain that took what there was spent three
 * quarters of what the front ends did.
 */
export const drainRestMsDefault = 1000;
/** @limit Two checks and two puts or fewer for each, within what a change may carry. */
const extentsPerBatch = 4096;
/** @limit Each failure means that somebody else changed one of the extents. */
const attemptsMax = 16;

export interface GarbageDrainOptions {
  readonly platform: Platform;
  readonly keymap: Keymap;
  readonly manifests: Manifests;
  readonly counters: BackgroundCounters;
  /** Between two looks of which the first found less than a whole batch. */
  readonly restMs: number;
  /** More of this extent is known to be dead. */
  counted(extent: ExtentId): void;
}

type Sums = Map<ExtentId, number>;

/** When a step returns, no batch is on its way. */
export class GarbageDrain implements Worker {
  readonly name = "garbage drain";
  readonly #options: GarbageDrainOptions;
  /** Where to go on in a partition: behind rows that cannot be summed up for now. */
  readonly #from = new Map<Partition, Uint8Array>();
  #restsUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: GarbageDrainOptions) {
    this.#options = options;
  }

  /** One batch of each partition; then it rests, where none of them was a whole one. */
  async step(): Promise<StepOutcome> {
    const { keymap, platform, restMs } = this.#options;
    if (platform.clock.monotonicMs() < this.#restsUntilMs) return "idle";
    let rowsMost = 0;
    for (const partition of keymap.partitions) {
      await this.#addBatches(partition);
      const rows = await this.#makeBatch(partition);
      if (rows > 0) await this.#addBatches(partition);
      rowsMost = Math.max(rowsMost, rows);
    }
    const isWhole = rowsMost === rowsPerBatch;
    if (!isWhole) this.#restsUntilMs = platform.clock.monotonicMs() + restMs;
    return rowsMost > 0 ? "busy" : "idle";
  }

  /** How many rows it looked at: 0 where there is nothing to do with those that are there. */
  async #makeBatch(partition: Partition): Promise<number> {
    const { keymap, counters } = this.#options;
    const all = spaceRange(space.garbage);
    const start = this.#from.get(partition) ?? all.start;
    const rows = await partition.scan({ start, end: all.end }, { limit: rowsPerBatch });
    const last = rows.at(-1);
    if (last === undefined || rows.length < rowsPerBatch) this.#from.delete(partition);
    else this.#from.set(partition, afterKey(last.key));
    const sums: Sums = new Map();
    const summed: Row[] = [];
    for (const row of rows) if (await this.#addTo(sums, row)) summed.push(row);
    if (summed.length === 0) return rows.length === rowsPerBatch ? rows.length : 0;
    const next = (await this.#marker(partition)).value + 1;
    const { outcome } = await partition.commit({
      id: keymap.session.nextChangeId(),
      checks: [
        ...summed.map((row): Check => ({ key: row.key, expect: row.stamp })),
        { key: garbageBatchKey(next), expect: "absent" },
      ],
      puts: batchesOf(sums).map((value, i) => ({ key: garbageBatchKey(next + i), value })),
      deletes: summed.map((row) => row.key),
    });
    if (outcome === "ok") counters.garbageRowsDrained += summed.length;
    return rows.length;
  }

  /** Adds what the row freed; false where that can't be found out for now. */
  async #addTo(sums: Sums, row: Row): Promise<boolean> {
    const { platform, manifests, counters } = this.#options;
    const keyBytes = parseRoutedKey(row.key).key.length;
    const own: Sums = new Map();
    for (const location of decodeGarbageRow(row.value).locations) {
      try {
        for await (const ref of manifests.chunksOf(location)) {
          add(own, ref.extent, recordBytes(keyBytes, ref.length));
        }
      } catch (thrown) {
        if (!isStoreError(thrown)) throw thrown;
        if (thrown.code !== "corrupt") return false;
        // What it listed stays counted as alive.
        counters.corruptions++;
        platform.log("error", "garbage_manifest_corrupt", { message: messageOf(thrown) });
      }
    }
    for (const [extent, bytes] of own) add(sums, extent, bytes);
    return true;
  }

  async #marker(partition: Partition): Promise<{ readonly value: number; readonly check: Check }> {
    const key = drainKey(partition.id);
    const row = await readRow(this.#options.keymap.system, key);
    const value = row === undefined ? 0 : decodeCounterRow(row.value).value;
    return { value, check: { key, expect: row?.stamp ?? "absent" } };
  }

  async #addBatches(partition: Partition): Promise<void> {
    const { session } = this.#options.keymap;
    const batches = await partition.scan(spaceRange(space.garbageBatches), { limit: rowsPerBatch });
    for (const { key, stamp, value } of batches) {
      await this.#addToExtents(partition, idOfKey(key), decodeGarbageBatchRow(value).extents);
      // Where somebody else was first, it is gone, which is as well.
      await partition.commit({
        id: session.nextChangeId(),
        checks: [{ key, expect: stamp }],
        puts: [],
        deletes: [key],
      });
    }
  }

  async #addToExtents(
    partition: Partition,
    sequence: number,
    extents: readonly { readonly extent: ExtentId; readonly deadBytes: number }[],
  ): Promise<void> {
    const { system, session } = this.#options.keymap;
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const marker = await this.#marker(partition);
      // holds: C5 batch-added-once
      if (marker.value >= sequence) return;
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
      if (outcome === "ok") {
        for (const { extent } of extents) this.#options.counted(extent);
        return;
      }
    }
    throw new StoreError("overloaded", `extents changed under ${attemptsMax} attempts to count`);
  }
}

function add(sums: Sums, extent: ExtentId, bytes: number): void {
  sums.set(extent, (sums.get(extent) ?? 0) + bytes);
}

function batchesOf(sums: Sums): Uint8Array[] {
  const extents = [...sums].map(([extent, deadBytes]) => ({ extent, deadBytes }));
  const out: Uint8Array[] = [];
  for (let at = 0; at < extents.length; at += extentsPerBatch) {
    out.push(encodeGarbageBatchRow({ extents: extents.slice(at, at + extentsPerBatch) }));
  }
  return out;
}
