import { afterKey } from "../../base/bytes.ts";
import { presentDisks } from "../../extent/extent-examination.ts";
import type { ExtentDisks } from "../../extent/extent-files.ts";
import { takesNewMembers } from "../../extent/mounted-disks.ts";
import type { ExtentEntry, ExtentTable } from "../../extent/extent-table.ts";
import { lengthOfOpen } from "../../extent/open-length.ts";
import type { DiskRow } from "../../format/disk-row.ts";
import {
  type ExtentClass,
  type ExtentRow,
  type ExtentState,
  filesOf,
  lostStateOf,
  type LostState,
} from "../../format/extent-row.ts";
import type { DiskId, ExtentId } from "../../format/ids.ts";
import { space, spaceRange } from "../../format/row-keys.ts";
import type { Keymap, Partition } from "../../keymap/keymap.ts";
import { type ClassHolding, ClassTally } from "./class-tally.ts";
import { type DiskHolding, noHolding, withExtent } from "./disk-holdings.ts";
import type { IsHeld } from "./extent-health.ts";
import { EmptyingProgress } from "./emptying-progress.ts";
import { type RedundancyCount, RedundancyTally } from "./redundancy-tally.ts";
import type { CanLose } from "../../placement/survival.ts";
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
  /** Bytes in all extents; those that are still written count as far as they are. */
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
  /** How far extents are from their redundancy, and what the store survives. */
  readonly redundancy: RedundancyCount;
  /** Sealed extents by storage class and scheme. */
  readonly classes: readonly ClassHolding[];
  /** What extents have on each disk that the registry or an extent names. */
  readonly holdings: ReadonlyMap<DiskId, DiskHolding>;
  /** Garbage rows that are not drained yet; counted up to `garbageRowsMax`. */
  readonly garbageRows: number;
}

export interface ExtentCensusOptions {
  readonly disks: ExtentDisks;
  readonly clock: Clock;
  readonly keymap: Keymap;
  readonly table: ExtentTable;
  readonly canLose: CanLose;
  readonly isHeld: IsHeld;
  /** Copies that the extents of a class are to have, where there are so many disks. */
  readonly copiesOf: (extentClass: ExtentClass) => number;
}

export class ExtentCensus implements Task {
  readonly name = "census";
  readonly #options: ExtentCensusOptions;
  #walk: AsyncGenerator<void, Census, undefined> | undefined;
  #notBeforeMs = 0;
  #last: Census | undefined;
  readonly #emptying = new EmptyingProgress();
  #rowsRead = 0;
  /** The disks that were there when the last walk began. */
  #present: ReadonlySet<DiskId> = new Set();

  constructor(options: ExtentCensusOptions) {
    this.#options = options;
  }

  /** The result of the last completed walk. */
  get last(): Census | undefined {
    return this.#last;
  }

  /** The time until a disk is empty, where that is known. */
  emptyInSeconds(disk: DiskId): number | undefined {
    return this.#emptying.secondsLeft(disk);
  }

  /** Counts one page of rows. */
  async step(): Promise<StepOutcome> {
    const { clock } = this.#options;
    if (this.#walk === undefined) {
      const present = await this.#presentDisks();
      const isSame = present.symmetricDifference(this.#present).size === 0;
      // holds: C8 absent-disk-counts-at-once
      if (isSame && clock.monotonicMs() < this.#notBeforeMs) return "idle";
      this.#present = present;
    }
    this.#walk ??= this.#count(this.#present);
    const walk = this.#walk;
    this.#walk = undefined; // one that throws is not gone on with
    const { done, value } = await walk.next();
    if (done !== true) {
      this.#walk = walk;
      return "busy";
    }
    this.#last = value;
    const rows = this.#options.disks.rows ?? new Map<DiskId, DiskRow>();
    this.#emptying.note(value.holdings, rows, clock.monotonicMs());
    this.#notBeforeMs = clock.monotonicMs() + Math.max(censusMs, this.#rowsRead * restPerRowMs);
    this.#rowsRead = 0;
    return "idle";
  }

  async *#count(present: ReadonlySet<DiskId>): AsyncGenerator<void, Census, undefined> {
    const extents = { open: 0, sealed: 0, settled: 0, reconciled: 0, dropping: 0 };
    let bytes = 0;
    let deadBytes = 0;
    const lost = { missing: 0, damaged: 0 };
    const lostBytes = { missing: 0, damaged: 0 };
    const isThere = (disk: DiskId): boolean => present.has(disk);
    const known = [...present, ...(this.#options.disks.rows?.keys() ?? [])];
    const holdings = new Map(known.map((disk) => [disk, noHolding]));
    const rows = this.#options.disks.rows ?? new Map<DiskId, DiskRow>();
    const { disks, canLose, isHeld, copiesOf } = this.#options;
    const usable = [...present].filter((disk) => takesNewMembers(disks, disk)).length;
    const copiesWanted = (row: ExtentRow): number => Math.min(copiesOf(row), usable);
    const tally = new RedundancyTally({ isThere, isHeld, rows, canLose, copiesWanted });
    const classes = new ClassTally();
    let after: ExtentId | undefined;
    do {
      const page = await this.#options.table.list(after, rowsPerStep);
      this.#rowsRead += page.length;
      for (const found of page) {
        const entry = await this.#measured(found, present);
        const { row } = entry;
        extents[row.state]++;
        tally.add(entry);
        classes.add(row);
        for (const disk of new Set(filesOf(row).map((file) => file.disk))) {
          const before = holdings.get(disk) ?? noHolding;
          holdings.set(disk, withExtent(before, disk, row, { isThere, isHeld }));
        }
        const rowDeadBytes = row.state === "dropping" ? row.length : row.deadBytes;
        bytes += row.length;
        deadBytes += rowDeadBytes;
        // No object is lost with one that nothing refers to.
        if (row.state === "dropping") continue;
        const isAbsent = row.members.every(({ disk }) => !present.has(disk));
        const state = isAbsent ? "missing" : lostStateOf(row);
        if (state === undefined) continue;
        lost[state]++;
        lostBytes[state] += row.length - row.deadBytes;
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
    const counted = { redundancy: tally.count, classes: classes.holdings };
    return { extents, bytes, deadBytes, lost, lostBytes, ...counted, holdings, garbageRows };
  }

  /** The entry, with the length that it has by now: while it is written its row does not say it. */
  async #measured(entry: ExtentEntry, present: ReadonlySet<DiskId>): Promise<ExtentEntry> {
    if (entry.row.state !== "open") return entry;
    const { clock, disks } = this.#options;
    const there = disks.disks.filter(({ id }) => present.has(id));
    // holds: C8 open-extents-count
    const length = await lengthOfOpen(clock, { disks: there }, entry);
    return { ...entry, row: { ...entry.row, length } };
  }

  async #presentDisks(): Promise<ReadonlySet<DiskId>> {
    const { clock, disks } = this.#options;
    return new Set((await presentDisks(clock, disks)).disks.map(({ id }) => id));
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
