import { afterKey } from "../../base/bytes.ts";
import { isDiskPresent } from "../../extent/extent-examination.ts";
import type { ExtentDisks } from "../../extent/extent-files.ts";
import type { ExtentTable } from "../../extent/extent-table.ts";
import { type ExtentState, lostExtentOf, type MemberState } from "../../format/extent-row.ts";
import type { DiskId, ExtentId } from "../../format/ids.ts";
import { space, spaceRange } from "../../format/row-keys.ts";
import type { Keymap, Partition } from "../../keymap/keymap.ts";
import type { Clock } from "../../platform/platform.ts";
import type { StepOutcome, Task } from "../task-loop.ts";

/*
 * How much there is: a walk through the extent table now and then, for people who look. A walk is
 * no moment: extents that change meanwhile are counted as they are when it comes by.
 */

/** @limit Rows in one step. */
const rowsPerStep = 1000;
/** @limit Garbage rows are counted up to here: more of them is a number that only says "many". */
export const garbageRowsMax = 100_000;
/**
 * @limit Between the end of a walk and the next, at the least: a table of 4,000 extents (1 TB)
 * takes some 20 ms.
 */
const censusMs = 10_000;
/**
 * @limit The rest for each row that the walk read: so it is 500 rows a second in the long run,
 * however many extents there are.
 */
const restPerRowMs = 2;

export interface Census {
  readonly extents: Readonly<Record<ExtentState, number>>;
  /** Bytes in extents that are sealed or further on. */
  readonly bytes: number;
  /** Bytes among them that are known to be dead. */
  readonly deadBytes: number;
  /**
   * Extents whose file is missing or damaged, and those on a disk that is not there, by what was
   * found.
   */
  readonly lost: Readonly<Record<LostState, number>>;
  /** Live bytes of extents whose file is missing or damaged. */
  readonly lostBytes: Readonly<Record<LostState, number>>;
  /** Garbage rows that are not drained yet; counted up to `garbageRowsMax`. */
  readonly garbageRows: number;
}

type LostState = Exclude<MemberState, "whole">;

export interface ExtentCensusOptions {
  readonly disks: ExtentDisks;
  readonly clock: Clock;
  readonly keymap: Keymap;
  readonly table: ExtentTable;
}

export class ExtentCensus implements Task {
  readonly name = "census";
  readonly #options: ExtentCensusOptions;
  #walk: AsyncGenerator<void, Census, undefined> | undefined;
  #notBeforeMs = 0;
  #last: Census | undefined;
  #rowsRead = 0;

  constructor(options: ExtentCensusOptions) {
    this.#options = options;
  }

  /** The result of the last completed walk. */
  get last(): Census | undefined {
    return this.#last;
  }

  /** Counts one page of rows. */
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
    this.#notBeforeMs = clock.monotonicMs() + Math.max(censusMs, this.#rowsRead * restPerRowMs);
    this.#rowsRead = 0;
    return "idle";
  }

  async *#count(): AsyncGenerator<void, Census, undefined> {
    const extents = { open: 0, sealed: 0, settled: 0, reconciled: 0, dropping: 0 };
    let bytes = 0;
    let deadBytes = 0;
    const lost = { missing: 0, damaged: 0 };
    const lostBytes = { missing: 0, damaged: 0 };
    const absent = await this.#absentDisks();
    let after: ExtentId | undefined;
    do {
      const page = await this.#options.table.list(after, rowsPerStep);
      this.#rowsRead += page.length;
      for (const { row } of page) {
        extents[row.state]++;
        const rowDeadBytes = row.state === "dropping" ? row.length : row.deadBytes;
        bytes += row.length;
        deadBytes += rowDeadBytes;
        const isAbsent = row.members.every(({ disk }) => absent.has(disk));
        const state = isAbsent ? "missing" : lostExtentOf(row)?.state;
        if (state === undefined) continue;
        lost[state]++;
        lostBytes[state] += row.length - rowDeadBytes;
      }
      after = page.length < rowsPerStep ? undefined : page.at(-1)?.id;
      yield;
    } while (after !== undefined);
    let garbageRows = 0;
    for (const partition of this.#options.keymap.partitions) {
      for await (const count of garbageIn(partition)) {
        this.#rowsRead += count;
        garbageRows = Math.min(garbageRows + count, garbageRowsMax);
        if (garbageRows === garbageRowsMax) break;
        yield;
      }
    }
    return { extents, bytes, deadBytes, lost, lostBytes, garbageRows };
  }

  async #absentDisks(): Promise<ReadonlySet<DiskId>> {
    const absent = new Set<DiskId>();
    for (const place of this.#options.disks.disks) {
      if (!(await isDiskPresent(place))) absent.add(place.id);
    }
    return absent;
  }
}

/** Yields counts of garbage rows, page by page. */
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
