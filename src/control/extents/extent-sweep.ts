import { toHex } from "../../base/bytes.ts";
import { isStoreError, messageOf } from "../../base/errors.ts";
import { examineExtent, noteMemberStates } from "../../extent/extent-examination.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import type { ExtentRow } from "../../format/extent-row.ts";
import type { DiskRow } from "../../format/disk-row.ts";
import { type DiskId, type ExtentId, idText } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { ReadTracker } from "../../keymap/read-tracker.ts";
import { AwaitedDisks } from "./awaited-disks.ts";
import { Compaction } from "./compaction.ts";
import type { CompactionOptions } from "./compaction.ts";
import type { ExtentClaims } from "./extent-claims.ts";
import type { ExtentDrops } from "./extent-drops.ts";
import { haveDifferentRoots } from "./extent-health.ts";
import { LeavingFiles, type LeavingOutcome } from "./leaving-files.ts";
import { changeExtent } from "./member-changes.ts";
import type { Reference } from "./reference-search.ts";
import type { ExtentWorklist } from "./extent-worklist.ts";
import { RestingExtents } from "./resting-extents.ts";
import { SmallExtents } from "./small-extents.ts";
import { ReferenceSearch } from "./reference-search.ts";
import type { GenerationKeeper } from "../generation-keeper.ts";
import { reconcileExtent } from "./reconcile.ts";
import type { RestoreWindow } from "../restore-window.ts";
import type { StepOutcome, Task } from "../task-loop.ts";
import { isTransient } from "../task-loop.ts";
import type { ShippingWait } from "../shipping-wait.ts";

/*
 * The work that an extent needs follows from its row alone:
 *
 *     settled      look up its records, then reconciled
 *     reconciled   if enough of it is dead: copy out what is alive, then dropping
 *                  (where some of it could not be read: and if no row of the index refers to it);
 *                  and so where there are several small ones to be merged, or where it is the only
 *                  copy on a disk that is being emptied
 *     dropping     hand it over to those that are dropped (extents/extent-drops.ts)
 *
 * The sweep goes round the extents that something may have to be done with
 * (extents/extent-worklist.ts), and does one piece of that in each step. An extent whose work fails
 * rests. When a disk comes or is removed all are looked at again.
 */

/** @limit Extents looked at in one step. */
const looksPerStep = 256;
/** @limit An extent that failed is left alone for this long. */
const restMs = 60_000;
/**
 * @limit One with damaged records that rows refer to is looked at again after this long: damage
 * seldom heals.
 */
const damagedRestMs = 10 * 60_000;
/** @limit Extents resting at a time; past it all are tried again. */
const restingMax = 1024;

export interface ExtentSweepOptions extends CompactionOptions {
  /** The reads of this process; those of other processes are in their leases. */
  readonly reads: ReadTracker;
  readonly generation: Pick<GenerationKeeper, "assertOwnIndex">;
  readonly restoreWindow: Pick<RestoreWindow, "isHeld">;
  /** Compacted when this share of its record bytes is dead, 0 … 1. */
  readonly deadShare: number;
  /** Extents with less than this alive are merged with others. */
  readonly smallBytes: number;
  /** How many of about the same size are merged at once. */
  readonly mergedAtOnce: number;
  readonly worklist: ExtentWorklist;
  readonly claims: ExtentClaims;
  /** What removes extents that nothing refers to. */
  readonly drops: Pick<ExtentDrops, "add">;
  /** Called with each extent that is reconciled, and not worth compacting. */
  readonly settledDown: (entry: ExtentEntry) => void;
  readonly shippingWait: ShippingWait;
  /** A file goes after this long even if an older read is still under way. */
  readonly oldReadMs: number;
}

export class ExtentSweep implements Task {
  readonly name = "extent sweep";
  readonly #options: ExtentSweepOptions;
  readonly #leaving: LeavingFiles;
  readonly #resting: RestingExtents;
  readonly #small: SmallExtents;
  /**
   * Chosen to be merged: what is alive in them is copied out, one after the other, into the same
   * open extents.
   */
  readonly #merging = new Set<ExtentId>();
  #compaction: Compaction | undefined;
  #search: { readonly entry: ExtentEntry; readonly references: ReferenceSearch } | undefined;
  readonly #awaited: AwaitedDisks;
  /** The ids of the disks that are being emptied. */
  #emptying = "";
  /** References to damaged extents; each is searched for once. */
  readonly #damaged = new Map<ExtentId, Reference>();

  constructor(options: ExtentSweepOptions) {
    this.#options = options;
    this.#resting = new RestingExtents(options.platform.clock, restingMax);
    this.#leaving = new LeavingFiles(options);
    this.#awaited = new AwaitedDisks(options.disks);
    const { smallBytes, mergedAtOnce } = options;
    this.#small = new SmallExtents({ smallBytes, mergedAtOnce });
  }

  /** Answers `idle` once all extents were looked at that may need something. */
  async step(signal: AbortSignal): Promise<StepOutcome> {
    if (this.#compaction !== undefined) {
      await this.#withEntry(this.#compaction.entry, () => this.#compact());
      return "busy";
    }
    if (this.#search !== undefined) {
      await this.#withEntry(this.#search.entry, () => this.#searchOn());
      return "busy";
    }
    this.#followDisks();
    const { worklist } = this.#options;
    for (let looks = 0; looks < looksPerStep; looks++) {
      const entry = await worklist.next((id) => this.#isFree(id));
      if (entry === undefined) return "idle";
      if (entry === "more") return "busy";
      if (await this.#withEntry(entry, () => this.#work(entry, signal))) return "busy";
    }
    return "busy";
  }

  /** Has what is alive in the extent copied into others: not all of it can be read everywhere. */
  rewrite(extent: ExtentId): void {
    if (this.#merging.size >= restingMax) return;
    this.#merging.add(extent);
    this.#options.worklist.again(extent);
  }

  /** Gives up what is half done. */
  async close(): Promise<void> {
    if (this.#compaction !== undefined) this.#options.claims.release(this.#compaction.entry.id);
    await this.#compaction?.close();
    this.#compaction = undefined;
    this.#search = undefined;
  }

  async #work(entry: ExtentEntry, signal: AbortSignal): Promise<boolean> {
    const { counters } = this.#options;
    const leaving = await this.#leaving.tidy(entry);
    if (leaving === "done") {
      this.#options.worklist.again(entry.id);
      return true;
    }
    if (entry.row.coming.length > 0) return false;
    // holds: C5 differing-copies-are-not-compacted
    if (entry.row.state !== "dropping" && haveDifferentRoots(entry.row)) return false;
    switch (entry.row.state) {
      case "open":
      case "sealed":
        return false;
      case "settled": {
        if (isMissing(entry)) return this.#searchFor(entry);
        const replaced = await reconcileExtent(this.#options, entry, signal);
        if (replaced !== "conflict") counters.extentsReconciled++;
        // It may be worth compacting already.
        this.#options.worklist.again(entry.id);
        return true;
      }
      case "reconciled":
        if (!this.#merging.has(entry.id) && !this.#isWorthCompacting(entry)) {
          this.#noteSettledDown(entry, leaving);
          return false;
        }
        this.#small.forget(entry.id);
        if (isMissing(entry)) return this.#searchFor(entry);
        if (!this.#options.claims.take(entry.id)) return false;
        this.#compaction = new Compaction(this.#options, entry, signal);
        return true;
      case "dropping":
        this.#handOver(entry.id, leaving);
        return false;
    }
  }

  #isWorthCompacting({ row }: ExtentEntry): boolean {
    if (this.#mustLeave(row)) return true;
    const bytes = row.length - extentHeaderBytes;
    return bytes <= 0 || row.deadBytes >= bytes * this.#options.deadShare;
  }

  /** Where a disk is to be emptied, has come or was removed, each extent may have work to be done. */
  #followDisks(): void {
    const { worklist } = this.#options;
    const { rows = new Map<DiskId, DiskRow>() } = this.#options.disks;
    if (this.#awaited.haveChanged()) {
      this.#resting.wakeAll();
      worklist.addAll();
    }
    const emptying = [...rows.values()].filter((row) => row.state === "emptying" && !row.isPaused);
    const names = emptying.map(({ disk }) => idText(disk)).join();
    if (names !== this.#emptying && names !== "") worklist.addAll();
    this.#emptying = names;
  }

  /** True of the only copy of records, on a disk that is being emptied. */
  #mustLeave({ scheme, members }: ExtentRow): boolean {
    const [member, another] = members;
    if (member === undefined || another !== undefined || scheme.kind !== "replicated") return false;
    const disk = this.#options.disks.rows?.get(member.disk);
    return disk?.state === "emptying" && !disk.isPaused;
  }

  /** Notes an extent that needs nothing, unless others like it come, or its members change. */
  #noteSettledDown(entry: ExtentEntry, leaving: LeavingOutcome): void {
    const { worklist, counters, settledDown } = this.#options;
    if (leaving !== "waiting") worklist.done(entry.id);
    settledDown(entry);
    for (const id of this.#small.note(entry)) {
      this.#merging.add(id);
      worklist.again(id);
      counters.extentsMerged++;
    }
  }

  async #compact(): Promise<boolean> {
    const compaction = this.#compaction;
    const outcome = await compaction?.step();
    if (compaction === undefined || outcome === "busy") return true;
    await this.close();
    const { entry } = compaction;
    this.#merging.delete(entry.id);
    if (outcome === "again") return true;
    return outcome === "emptied" ? this.#giveUp(entry) : this.#searchFor(entry);
  }

  /**
   * Nothing can be read of it, or not all: whether anything refers to it is for the index to say.
   */
  #searchFor(entry: ExtentEntry): true {
    const known = this.#damaged.get(entry.id);
    this.#search = { entry, references: new ReferenceSearch(this.#options, entry.id, known) };
    return true;
  }

  async #searchOn(): Promise<boolean> {
    const search = this.#search;
    const found = await search?.references.step();
    if (search === undefined || found === undefined || found === "busy") return true;
    this.#search = undefined;
    if (found === "none") return this.#giveUp(search.entry);
    await this.#leaveDamaged(search.entry, found);
    return true;
  }

  async #leaveDamaged(entry: ExtentEntry, reference: Reference): Promise<void> {
    const { counters, platform, table } = this.#options;
    const { id } = entry;
    const isNoted = entry.row.members.some(({ state }) => state !== "whole");
    // A reference that is not certain proves nothing about a file that perhaps never existed.
    if (!isNoted && reference.isCertain) {
      const { states } = await examineExtent(platform.hash, this.#options.disks, entry);
      // Where all files seem well it is their records that are not.
      const areWhole = states.every((state) => state === "whole");
      const found = areWhole ? states.map(() => "damaged" as const) : states;
      await noteMemberStates(platform, table, entry, found);
    }
    if (!this.#damaged.has(id)) {
      counters.corruptions++;
      const row = toHex(reference.rowKey);
      platform.log("error", "extent_damaged", {
        extent: id,
        partition: reference.partition.id,
        row,
      });
    }
    if (this.#damaged.size >= restingMax) this.#damaged.clear();
    this.#damaged.set(id, reference);
    this.#resting.rest(id, damagedRestMs);
  }

  /** Called when nothing refers to the extent any more. */
  async #giveUp(emptied: ExtentEntry): Promise<boolean> {
    const { counters, table, platform, worklist } = this.#options;
    this.#damaged.delete(emptied.id);
    const droppedMs = platform.clock.now();
    // The drain may have counted more of it, and others may have noted something of its files: what
    // they changed stays. Where files of it are being made it is for another round.
    // holds: C5 drop-keeps-the-files-of-others
    const dropping = await changeExtent(table, emptied, (row) =>
      row.state === emptied.row.state && row.coming.length === 0
        ? { ...row, state: "dropping", droppedMs }
        : undefined,
    );
    if (dropping === undefined) {
      worklist.again(emptied.id);
      return true;
    }
    counters.extentsCompacted++;
    this.#handOver(emptied.id, "none");
    return true;
  }

  /** What is to be dropped is nothing for the sweep, but while files of a held one leave. */
  #handOver(extent: ExtentId, leaving: LeavingOutcome): void {
    if (leaving !== "waiting") this.#options.worklist.done(extent);
    this.#options.drops.add(extent);
  }

  /** A failure with one extent does not delay the others. */
  async #withEntry(entry: ExtentEntry, work: () => Promise<boolean>): Promise<boolean> {
    const { platform, counters } = this.#options;
    try {
      return await work();
    } catch (thrown) {
      await this.close();
      if (!isTransient(thrown)) throw thrown;
      this.#merging.delete(entry.id);
      if (isStoreError(thrown, "overloaded")) {
        // Clients overwrite one of its rows all the time: later there is less of it to move.
        this.#resting.rest(entry.id, restMs);
        platform.log("debug", "extent_put_off", { extent: entry.id, message: messageOf(thrown) });
        return true;
      }
      const isLost = isStoreError(thrown, "corrupt") || isStoreError(thrown, "missing");
      this.#resting.rest(entry.id, isLost ? damagedRestMs : restMs);
      if (isStoreError(thrown, "corrupt")) counters.corruptions++;
      const fields = { extent: entry.id, state: entry.row.state, message: messageOf(thrown) };
      platform.log("error", "extent_left_alone", fields);
      return true;
    }
  }

  #isFree(extent: ExtentId): boolean {
    return !this.#resting.has(extent) && !this.#options.claims.has(extent);
  }
}

function isMissing({ row }: ExtentEntry): boolean {
  return row.members.every(({ state }) => state === "missing");
}
