import { toHex } from "../../base/bytes.ts";
import { isStoreError, messageOf } from "../../base/errors.ts";
import { examineExtent, noteMemberState } from "../../extent/extent-examination.ts";
import { dropExtent } from "../../extent/extent-drop.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import type { ExtentId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { ReadTracker } from "../../keymap/read-tracker.ts";
import { Compaction } from "./compaction.ts";
import type { CompactionOptions } from "./compaction.ts";
import { OldReads } from "./old-reads.ts";
import type { Reference } from "./reference-search.ts";
import type { ExtentWorklist } from "./extent-worklist.ts";
import { SmallExtents } from "./small-extents.ts";
import { ReferenceSearch } from "./reference-search.ts";
import type { GenerationKeeper } from "../generation-keeper.ts";
import { reconcileExtent } from "./reconcile.ts";
import type { StepOutcome, Task } from "../task-loop.ts";
import { isTransient } from "../task-loop.ts";

/*
 * The work that an extent needs follows from its row alone:
 *
 *     settled      look up its records, then reconciled
 *     reconciled   if enough of it is dead: copy out what is alive, then dropping
 *                  (where some of it could not be read: and if no row of the index refers to it);
 *                  and so where there are several small ones to be merged
 *     dropping     when no read can need it any more: remove file and row
 *
 * The sweep goes round the extents that something may have to be done with
 * (extents/extent-worklist.ts), and does one piece of that in each step. An extent whose work fails
 * rests.
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
  /** Compacted when this share of its record bytes is dead, 0 … 1. */
  readonly deadShare: number;
  /** Extents with less than this alive are merged with others. */
  readonly smallBytes: number;
  /** How many of them are merged at once, for each data directory. */
  readonly mergedAtOnce: number;
  readonly worklist: ExtentWorklist;
  /**
   * An extent nobody refers to is dropped after this long even if an older read is still under way.
   */
  readonly oldReadMs: number;
}

export class ExtentSweep implements Task {
  readonly name = "extent sweep";
  readonly #options: ExtentSweepOptions;
  readonly #oldReads: OldReads;
  readonly #restingUntil = new Map<ExtentId, number>();
  readonly #small: SmallExtents;
  /**
   * Chosen to be merged: what is alive in them is copied out, one after the other, into the same
   * open extents.
   */
  readonly #merging = new Set<ExtentId>();
  #compaction: Compaction | undefined;
  #search: { readonly entry: ExtentEntry; readonly references: ReferenceSearch } | undefined;
  /** References to damaged extents; each is searched for once. */
  readonly #damaged = new Map<ExtentId, Reference>();

  constructor(options: ExtentSweepOptions) {
    this.#options = options;
    this.#oldReads = new OldReads(options);
    const dataDirectories = options.disks.disks.length;
    const { smallBytes, mergedAtOnce } = options;
    this.#small = new SmallExtents({ smallBytes, mergedAtOnce, dataDirectories });
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
    const { worklist } = this.#options;
    for (let looks = 0; looks < looksPerStep; looks++) {
      const entry = await worklist.next((id) => !this.#isResting(id));
      if (entry === undefined) return "idle";
      if (entry === "more") return "busy";
      if (await this.#withEntry(entry, () => this.#work(entry, signal))) return "busy";
    }
    return "busy";
  }

  /** Gives up what is half done. */
  async close(): Promise<void> {
    await this.#compaction?.close();
    this.#compaction = undefined;
    this.#search = undefined;
  }

  async #work(entry: ExtentEntry, signal: AbortSignal): Promise<boolean> {
    const { counters } = this.#options;
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
          this.#noteSmall(entry);
          return false;
        }
        this.#small.forget(entry.id);
        if (isMissing(entry)) return this.#searchFor(entry);
        this.#compaction = new Compaction(this.#options, entry, signal);
        return true;
      case "dropping":
        return this.#drop(entry);
    }
  }

  #isWorthCompacting({ row }: ExtentEntry): boolean {
    const bytes = row.length - extentHeaderBytes;
    return bytes <= 0 || row.deadBytes >= bytes * this.#options.deadShare;
  }

  /** Notes an extent that only merging with others can help. */
  #noteSmall(entry: ExtentEntry): void {
    const { worklist, counters } = this.#options;
    worklist.done(entry.id);
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
      const found = await examineExtent(platform.hash, this.#options.disks, entry);
      await noteMemberState(platform, table, entry, found === "whole" ? "damaged" : found);
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
    this.#rest(id, damagedRestMs);
  }

  /** Called when nothing refers to the extent any more. */
  async #giveUp(emptied: ExtentEntry): Promise<boolean> {
    const { counters, table, platform } = this.#options;
    this.#damaged.delete(emptied.id);
    const droppedMs = platform.clock.now();
    const row = { ...emptied.row, state: "dropping" as const, droppedMs };
    // The drain may have counted more of it meanwhile; what it counted is what we know to be dead.
    for (let entry = emptied; ;) {
      if ((await table.replace(entry, row)) !== "conflict") break;
      const fresh = await table.get(entry.id);
      if (fresh === undefined) break;
      entry = fresh;
    }
    counters.extentsCompacted++;
    return true;
  }

  async #drop(entry: ExtentEntry): Promise<boolean> {
    const { counters } = this.#options;
    const { length } = entry.row;
    if (!(await this.#oldReads.haveEnded(entry.id))) return false;
    // holds: C9 own-index-before-drop
    await this.#options.generation.assertOwnIndex();
    const dropped = await dropExtent({ ...this.#options, entry });
    if (dropped === "conflict") return true;
    if (dropped === "kept") {
      counters.filesKept++;
      return true;
    }
    counters.extentsDropped++;
    counters.bytesDropped += length;
    return true;
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
        this.#rest(entry.id, restMs);
        platform.log("debug", "extent_put_off", { extent: entry.id, message: messageOf(thrown) });
        return true;
      }
      const isLost = isStoreError(thrown, "corrupt") || isStoreError(thrown, "missing");
      this.#rest(entry.id, isLost ? damagedRestMs : restMs);
      if (isStoreError(thrown, "corrupt")) counters.corruptions++;
      const fields = { extent: entry.id, state: entry.row.state, message: messageOf(thrown) };
      platform.log("error", "extent_left_alone", fields);
      return true;
    }
  }

  #rest(extent: ExtentId, forMs: number): void {
    if (this.#restingUntil.size >= restingMax) this.#restingUntil.clear();
    this.#restingUntil.set(extent, this.#options.platform.clock.monotonicMs() + forMs);
  }

  #isResting(extent: ExtentId): boolean {
    const until = this.#restingUntil.get(extent);
    if (until === undefined) return false;
    if (until > this.#options.platform.clock.monotonicMs()) return true;
    this.#restingUntil.delete(extent);
    return false;
  }
}

function isMissing({ row }: ExtentEntry): boolean {
  return row.members.every(({ state }) => state === "missing");
}
