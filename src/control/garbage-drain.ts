import { afterKey } from "../base/bytes.ts";
import { isStoreError, messageOf } from "../base/errors.ts";
import type { Row } from "../engine/engine.ts";
import { decodeGarbageRow } from "../format/garbage-row.ts";
import type { ExtentId } from "../format/ids.ts";
import { recordBytes } from "../format/record.ts";
import { parseRoutedKey, space, spaceRange } from "../format/row-keys.ts";
import type { Keymap, Partition } from "../keymap/keymap.ts";
import type { Platform } from "../platform/platform.ts";
import { addBatches, makeBatches } from "../rows/garbage-batches.ts";
import type { BackgroundCounters } from "./counters.ts";
import type { Manifests } from "./extents/manifests.ts";
import type { StepOutcome, Task } from "./task-loop.ts";

/*
 * Adds garbage to the dead bytes of the extents that it lies in, a batch of rows at a time
 * (rows/garbage-batches.ts says how that stays right across a crash).
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

export interface GarbageDrainOptions {
  readonly platform: Platform;
  readonly keymap: Keymap;
  readonly manifests: Manifests;
  readonly counters: BackgroundCounters;
  /** Time between two looks if the first found less than a whole batch. */
  readonly restMs: number;
  /** Called when more of this extent is known to be dead. */
  readonly counted: (extent: ExtentId) => void;
}

type Sums = Map<ExtentId, number>;

/** When a step returns, no batch is on its way. */
export class GarbageDrain implements Task {
  readonly name = "garbage drain";
  readonly #options: GarbageDrainOptions;
  /** Where to go on in a partition: behind rows that cannot be summed up for now. */
  readonly #from = new Map<Partition, Uint8Array>();
  #restsUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: GarbageDrainOptions) {
    this.#options = options;
  }

  /** Drains one batch of each partition; rests if none of them was a whole one. */
  async step(): Promise<StepOutcome> {
    const { keymap, platform, restMs, counted } = this.#options;
    if (platform.clock.monotonicMs() < this.#restsUntilMs) return "idle";
    let rowsMost = 0;
    for (const partition of keymap.partitions) {
      await addBatches(keymap, partition, counted);
      const rows = await this.#makeBatch(partition);
      if (rows > 0) await addBatches(keymap, partition, counted);
      rowsMost = Math.max(rowsMost, rows);
    }
    const isWhole = rowsMost === rowsPerBatch;
    if (!isWhole) this.#restsUntilMs = platform.clock.monotonicMs() + restMs;
    return rowsMost > 0 ? "busy" : "idle";
  }

  /** Returns how many rows it looked at; 0 where nothing is to be done with them. */
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
    const isMade = await makeBatches(keymap, partition, summed, sums);
    if (isMade) counters.garbageRowsDrained += summed.length;
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
        // The data that it listed stays counted as live.
        counters.corruptions++;
        platform.log("error", "garbage_manifest_corrupt", { message: messageOf(thrown) });
      }
    }
    for (const [extent, bytes] of own) add(sums, extent, bytes);
    return true;
  }
}

function add(sums: Sums, extent: ExtentId, bytes: number): void {
  sums.set(extent, (sums.get(extent) ?? 0) + bytes);
}
