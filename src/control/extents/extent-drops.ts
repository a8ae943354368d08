import { messageOf } from "../../base/errors.ts";
import { dropExtent } from "../../extent/extent-drop.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import { filesOf } from "../../format/extent-row.ts";
import type { ExtentId } from "../../format/ids.ts";
import type { Keymap } from "../../keymap/keymap.ts";
import type { ReadTracker } from "../../keymap/read-tracker.ts";
import type { BackgroundCounters } from "../counters.ts";
import type { GenerationKeeper } from "../generation-keeper.ts";
import type { RestoreWindow } from "../restore-window.ts";
import type { ShippingWait } from "../shipping-wait.ts";
import { isTransient, type StepOutcome, type Task } from "../task-loop.ts";
import { AwaitedDisks } from "./awaited-disks.ts";
import type { ExtentClaims } from "./extent-claims.ts";
import { filesBytes } from "./extent-health.ts";
import type { StoragePlane } from "./extent-walk.ts";
import type { ExtentWorklist } from "./extent-worklist.ts";
import { RemovalWait } from "./removal-wait.ts";
import { RestingExtents } from "./resting-extents.ts";

/*
 * Removes the files and the rows of extents that nothing refers to any more, once nobody can need
 * them. It frees space and moves no bytes: so it waits for no compaction, which under the load of
 * clients has a part of the time only, and comes to the end of a round after minutes.
 *
 * An extent that has files on a disk that is away rests, and so does one whose disk fails. When a
 * disk comes or is removed all are tried again.
 */

/** @limit Extents looked at in one step. */
const looksPerStep = 256;
/** @limit An extent that could not be dropped is left alone for this long. */
const restMs = 60_000;
/** @limit Extents resting at a time; past it all are tried again. */
const restingMax = 1024;

export interface ExtentDropsOptions extends StoragePlane {
  readonly keymap: Keymap;
  /** The reads of this process; those of other processes are in their leases. */
  readonly reads: ReadTracker;
  readonly generation: Pick<GenerationKeeper, "assertOwnIndex">;
  readonly restoreWindow: Pick<RestoreWindow, "holds">;
  readonly shippingWait: ShippingWait;
  readonly counters: BackgroundCounters;
  /** Members of held extents are made; none is while the extent is dropped. */
  readonly claims: ExtentClaims;
  /** What finds extents to be dropped, and gives up files of them that are being made. */
  readonly worklist: Pick<ExtentWorklist, "again">;
  /**
   * An extent nobody refers to is dropped after this long even if an older read is still under way.
   */
  readonly oldReadMs: number;
}

export class ExtentDrops implements Task {
  readonly name = "extent drops";
  readonly #options: ExtentDropsOptions;
  readonly #wait: RemovalWait;
  readonly #resting: RestingExtents;
  readonly #awaited: AwaitedDisks;
  readonly #pending = new Set<ExtentId>();
  /** The extents left in this round. */
  #left: ExtentId[] = [];

  constructor(options: ExtentDropsOptions) {
    this.#options = options;
    this.#wait = new RemovalWait(options);
    this.#resting = new RestingExtents(options.platform.clock, restingMax);
    this.#awaited = new AwaitedDisks(options.disks);
  }

  /** Called with each extent in state `dropping` that is met, again and again. */
  add(extent: ExtentId): void {
    this.#pending.add(extent);
  }

  /** Drops one extent; `idle` at the end of a round. */
  async step(): Promise<StepOutcome> {
    if (this.#awaited.haveChanged()) this.#resting.wakeAll();
    if (this.#left.length === 0) this.#left = [...this.#pending].reverse();
    for (let looks = 0; looks < looksPerStep; looks++) {
      const id = this.#left.pop();
      if (id === undefined) return "idle";
      if (!this.#resting.has(id) && (await this.#look(id))) return "busy";
    }
    return "busy";
  }

  /** True if something was done. */
  async #look(id: ExtentId): Promise<boolean> {
    const entry = await this.#options.table.get(id);
    if (entry?.row.state !== "dropping") {
      this.#pending.delete(id);
      return false;
    }
    if (entry.row.coming.length > 0) {
      this.#pending.delete(id);
      this.#options.worklist.again(id);
      return false;
    }
    const { claims } = this.#options;
    if (!claims.take(id)) return false;
    try {
      return await this.#drop(entry);
    } catch (thrown) {
      if (!isTransient(thrown)) throw thrown;
      this.#resting.rest(id, restMs);
      const fields = { extent: id, message: messageOf(thrown) };
      this.#options.platform.log("error", "extent_not_dropped", fields);
      return true;
    } finally {
      claims.release(id);
    }
  }

  async #drop(entry: ExtentEntry): Promise<boolean> {
    const { counters, restoreWindow, generation } = this.#options;
    const { length, droppedMs } = entry.row;
    const bytes = filesBytes(entry.row, filesOf(entry.row));
    // holds: C9 freed-in-the-window-stays
    if (await restoreWindow.holds(droppedMs)) {
      // The inventory brings it back.
      this.#pending.delete(entry.id);
      return false;
    }
    if (!(await this.#wait.isOver(`extent ${entry.id}`, bytes))) return false;
    // holds: C9 own-index-before-drop
    await generation.assertOwnIndex();
    const dropped = await dropExtent({ ...this.#options, entry });
    if (dropped === "conflict") return true;
    if (dropped === "away") {
      this.#resting.rest(entry.id, restMs);
      return true;
    }
    if (dropped === "kept") {
      counters.filesKept++;
      return true;
    }
    counters.extentsDropped++;
    counters.bytesDropped += length;
    return true;
  }
}
