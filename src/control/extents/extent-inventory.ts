import { isStoreError, messageOf, type StoreError } from "../../base/errors.ts";
import { examineExtent, noteMemberStates, presentDisks } from "../../extent/extent-examination.ts";
import type { ExtentDisks } from "../../extent/extent-files.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import { verifyMember } from "../../extent/member-verification.ts";
import type { MemberState } from "../../format/extent-row.ts";
import { type DiskId, type ExtentId, idText } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import { RestingExtents } from "./resting-extents.ts";
import type { RestoreWindow } from "../restore-window.ts";
import { isHeldExtent, rootsOf } from "./extent-health.ts";
import type { ExtentWorklist } from "./extent-worklist.ts";
import { SparseLog } from "../../platform/sparse-log.ts";
import type { StoragePlane } from "./extent-walk.ts";
import type { StepOutcome, Task } from "../task-loop.ts";

/*
 * Goes round the extent table and looks for each extent's file: is it there, with the header that
 * is meant and as long as it should be. Extents whose file is missing or damaged are noted in their
 * rows (C8), and nothing is removed (C9). One that comes back, with its directory for instance, is
 * whole again; one that was damaged only after all of its records were read. Open extents are their
 * writers' to look at.
 */

/** @limit Files looked at in one step: some 5 ms on a fast disk. */
const extentsPerStep = 16;
/** @limit Rest from one round to the next, at the least … */
const roundRestMs = 30_000;
/**
 * @limit … and for each extent looked at: so it is 50 files a second in the long run, however many
 * there are.
 */
const restPerExtentMs = 20;

/**
 * @limit Time until a member is read again in which a bad sector was met: each time costs a few
 * failed reads, and many of them within minutes have the disk taken out.
 */
const unreadableRestMs = 10 * 60_000;
/** @limit Extents with such members that are remembered; others are read in each round. */
const unreadableMax = 4096;

export interface ExtentInventoryOptions extends StoragePlane {
  readonly restoreWindow: Pick<RestoreWindow, "isHeld">;
  /** Called for each extent, in case another caller forgot to. */
  readonly worklist: ExtentWorklist;
}

export class ExtentInventory implements Task {
  readonly name = "extent inventory";
  readonly #options: ExtentInventoryOptions;
  readonly #log: SparseLog;
  /** Those with a member that a disk could not read. */
  readonly #resting: RestingExtents;
  #after: ExtentId | undefined;
  #looked = 0;
  #notBeforeMs = 0;

  constructor(options: ExtentInventoryOptions) {
    this.#options = options;
    this.#log = new SparseLog(options.platform);
    this.#resting = new RestingExtents(options.platform.clock, unreadableMax);
  }

  async step(signal: AbortSignal): Promise<StepOutcome> {
    const { platform, disks, table, worklist } = this.#options;
    if (platform.clock.monotonicMs() < this.#notBeforeMs) return "idle";
    const entries = await table.list(this.#after, extentsPerStep);
    const present = await presentDisks(platform.clock, disks);
    for (const entry of entries) {
      this.#after = entry.id;
      await this.#look(entry, present, signal);
      worklist.add(entry.id);
    }
    this.#looked += entries.length;
    if (entries.length === extentsPerStep) return "busy";
    const restMs = Math.max(roundRestMs, this.#looked * restPerExtentMs);
    this.#notBeforeMs = platform.clock.monotonicMs() + restMs;
    this.#after = undefined;
    this.#looked = 0;
    return "idle";
  }

  async #look(entry: ExtentEntry, disks: ExtentDisks, signal: AbortSignal): Promise<void> {
    const { platform, table, restoreWindow } = this.#options;
    const { state, length, members } = entry.row;
    const isHeld = isHeldExtent(entry.row, (droppedMs) => restoreWindow.isHeld(droppedMs));
    // holds: C8 held-extents-are-looked-at
    if (state === "open" || (state === "dropping" && !isHeld)) return;
    // Its writer may have died before it made the files.
    if (length <= extentHeaderBytes && members.every((one) => one.state === "whole")) return;
    try {
      const found = await this.#examine(entry, disks, signal);
      await noteMemberStates(platform, table, entry, found);
    } catch (thrown) {
      if (!isStoreError(thrown)) throw thrown;
      this.#logNotLookedAt(entry, thrown);
    }
  }

  /** A disk that is not there, or fails, is reported by the process that writes to it. */
  #logNotLookedAt({ id: extent }: ExtentEntry, thrown: StoreError, on?: DiskId): void {
    const disk = on === undefined ? undefined : idText(on);
    const fields = { disk, extent, message: messageOf(thrown) };
    this.#log.log("warn", "extent_not_looked_at", disk ?? "", fields);
  }

  async #examine(
    entry: ExtentEntry,
    disks: ExtentDisks,
    signal: AbortSignal,
  ): Promise<readonly (MemberState | undefined)[]> {
    const { platform } = this.#options;
    const { states, failure } = await examineExtent(platform.hash, disks, entry);
    const unknown = entry.row.members.find((_, index) => states[index] === undefined);
    if (failure !== undefined) this.#logNotLookedAt(entry, failure, unknown?.disk);
    const found = [...states];
    for (const [index, { state }] of entry.row.members.entries()) {
      if (state !== "damaged" || found[index] !== "whole") continue;
      found[index] = "damaged";
      if (this.#resting.has(entry.id)) continue;
      // All of it is read, which takes a second or two.
      const verified = await verifyMember({ platform, disks }, entry, index, signal);
      const { error, root = 0 } = verified;
      // A copy may verify by itself, and yet not be what the others are.
      // holds: C5 whole-again-is-like-the-others
      const isOther = !rootsOf(entry.row).every((one) => one === root);
      if (error === undefined && !isOther) found[index] = "whole";
      if (verified.isUnreadable === true) this.#resting.rest(entry.id, unreadableRestMs);
    }
    return found;
  }
}
