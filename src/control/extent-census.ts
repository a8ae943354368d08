import { afterKey } from "../base/bytes.ts";
import type { ExtentTable } from "../extent/extent-table.ts";
import type { ExtentState } from "../format/extent-row.ts";
import type { ExtentId } from "../format/ids.ts";
import { space, spaceRange } from "../format/row-keys.ts";
import type { Keymap, Partition } from "../keymap/keymap.ts";
import type { Clock } from "../platform/clock.ts";
import type { StepOutcome, Worker } from "./worker-loop.ts";

/*
 * How much there is: a walk through the extent table now and then, for people who look. A walk is no moment: extents that
 * change meanwhile are counted as they are when it comes by.
 */

/** Rows in one step. */
const rowsPerStep = 1000;
/** Garbage rows are counted up to here: more of them is a number that only says "many". */
export const garbageRowsMax = 100_000;
/** Between the end of a walk and the next: a table of 4,000 extents (1 TB) takes some 20 ms. */
const censusMs = 10_000;

export interface Census {
  readonly extents: Readonly<Record<ExtentState, number>>;
  /** In sealed extents and all that follow. */
  readonly bytes: number;
  /** Those of them that are known to be dead. */
  readonly deadBytes: number;
  /** Waiting to be added up; at most `garbageRowsMax`. */
  readonly garbageRows: number;
}

export interface ExtentCensusOptions {
  readonly clock: Clock;
  readonly keymap: Keymap;
  readonly table: ExtentTable;
}

export class ExtentCensus implements Worker {
  readonly name = "census";
  readonly #options: ExtentCensusOptions;
  #walk: AsyncGenerator<void, Census, undefined> | undefined;
  #notBeforeMs = 0;
  #last: Census | undefined;

  constructor(options: ExtentCensusOptions) {
    this.#options = options;
  }

  /** Of the last walk that came to its end. */
  get last(): Census | undefined {
    return this.#last;
  }

  /** One page of rows. */
  async step(): Promise<StepOutcome> {
    const { clock } = this.#options;
    if (clock.monotonicMs() < this.#notBeforeMs) return "idle";
    this.#walk ??= this.#count();
    const walk = this.#walk;
    this.#walk = undefined; // one that throws is not gone on with
    const { done, value } = await walk.next();
    if (done !== true) {
      this.#walk = walk;
      return "busy";
    }
    this.#last = value;
    this.#notBeforeMs = clock.monotonicMs() + censusMs;
    return "idle";
  }

  async *#count(): AsyncGenerator<void, Census, undefined> {
    const extents = { open: 0, sealed: 0, settled: 0, reconciled: 0, dropping: 0 };
    let bytes = 0;
    let deadBytes = 0;
    let after: ExtentId | undefined;
    do {
      const page = await this.#options.table.list(after, rowsPerStep);
      for (const { row } of page) {
        extents[row.state]++;
        bytes += row.length;
        deadBytes += row.state === "dropping" ? row.length : row.deadBytes;
      }
      after = page.length < rowsPerStep ? undefined : page.at(-1)?.id;
      yield;
    } while (after !== undefined);
    let garbageRows = 0;
    for (const partition of this.#options.keymap.partitions) {
      for await (const count of garbageIn(partition)) {
        garbageRows = Math.min(garbageRows + count, garbageRowsMax);
        if (garbageRows === garbageRowsMax) break;
        yield;
      }
    }
    return { extents, bytes, deadBytes, garbageRows };
  }
}

/** Counts, page by page. */
async function* garbageIn(partition: Partition): AsyncGenerator<number, void, undefined> {
  const all = spaceRange(space.garbage);
  let start = all.start;
  for (;;) {
    const rows = await partition.scan({ start, end: all.end }, { limit: rowsPerStep });
    const last = rows.at(-1);
    yield rows.length;
    if (last === undefined || rows.length < rowsPerStep) return;
    start = afterKey(last.key);
  }
}
