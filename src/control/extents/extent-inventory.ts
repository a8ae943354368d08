import { isStoreError, messageOf } from "../../base/errors.ts";
import { examineExtent, noteMemberState } from "../../extent/extent-examination.ts";
import { scanRecords } from "../../extent/extent-scan.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import type { MemberState } from "../../format/extent-row.ts";
import type { ExtentId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { ExtentWorklist } from "./extent-worklist.ts";
import { openExtent, type StoragePlane } from "./extent-walk.ts";
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

export interface ExtentInventoryOptions extends StoragePlane {
  /** Called for each extent, in case another caller forgot to. */
  readonly worklist: ExtentWorklist;
}

export class ExtentInventory implements Task {
  readonly name = "extent inventory";
  readonly #options: ExtentInventoryOptions;
  #after: ExtentId | undefined;
  #looked = 0;
  #notBeforeMs = 0;

  constructor(options: ExtentInventoryOptions) {
    this.#options = options;
  }

  async step(signal: AbortSignal): Promise<StepOutcome> {
    const { platform, table, worklist } = this.#options;
    if (platform.clock.monotonicMs() < this.#notBeforeMs) return "idle";
    const entries = await table.list(this.#after, extentsPerStep);
    for (const entry of entries) {
      this.#after = entry.id;
      await this.#look(entry, signal);
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

  async #look(entry: ExtentEntry, signal: AbortSignal): Promise<void> {
    const { platform, table } = this.#options;
    const { state, length, members } = entry.row;
    if (state === "open" || state === "dropping") return;
    const noted = members[0]?.state;
    // Its writer may have died before it made the file.
    if (length <= extentHeaderBytes && noted === "whole") return;
    try {
      const found = await this.#examine(entry, signal);
      if (found !== noted) await noteMemberState(platform, table, entry, found);
    } catch (thrown) {
      // A disk that is not there, or fails, is reported by the process that writes to it.
      if (!isStoreError(thrown)) throw thrown;
      const fields = { extent: entry.id, message: messageOf(thrown) };
      platform.log("warn", "extent_not_looked_at", fields);
    }
  }

  async #examine(entry: ExtentEntry, signal: AbortSignal): Promise<MemberState> {
    const { platform, disks } = this.#options;
    const found = await examineExtent(platform.hash, disks, entry);
    const wasDamaged = entry.row.members.some((member) => member.state === "damaged");
    if (found !== "whole" || !wasDamaged) return found;
    return (await this.#isReadable(entry, signal)) ? "whole" : "damaged";
  }

  /** Reads every record of it, which takes a second or two. */
  async #isReadable(entry: ExtentEntry, signal: AbortSignal): Promise<boolean> {
    const { platform, disks } = this.#options;
    const file = await openExtent(disks, entry);
    try {
      const { id, row } = entry;
      const range = { from: extentHeaderBytes, to: row.length, extent: id };
      for await (const seen of scanRecords({ platform, file, ...range, signal })) {
        if (seen.kind === "hole" || seen.payloadError !== undefined) return false;
      }
      return true;
    } finally {
      await file.close();
    }
  }
}
