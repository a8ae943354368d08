import type { ExtentEntry } from "../../extent/extent-table.ts";
import type { DiskId, ExtentId } from "../../format/ids.ts";
import type { Move } from "../../placement/plan-moves.ts";
import type { Clock } from "../../platform/platform.ts";
import { memberFileBytes } from "../extents/extent-health.ts";
import type { MoveOutcome } from "./member-move.ts";
import { partMade } from "./member-work.ts";
import type { DiskUse, ExtentJob } from "./running-jobs.ts";
import { nextStep } from "./stuck-work.ts";
import type { WorkRate } from "./work-rate.ts";

/** @limit Bytes moved in one step: 25 ms on a disk of 160 MB/s, for which clients wait. */
const stepBytes = 4 * 1024 * 1024;

export interface MemberProgress {
  readonly extent: ExtentId;
  readonly member: number;
  /** Where it is made. */
  readonly disk: DiskId;
  readonly bytes: number;
  readonly bytesDone: number;
}

/** A move, and the disks that it is made from. */
export interface PlannedMove extends Move, DiskUse {}

export interface MemberJobOptions {
  readonly clock: Clock;
  readonly move: PlannedMove;
  readonly entry: ExtentEntry;
  /** Makes the member; yields the bytes that it moved since the last time. */
  readonly work: AsyncGenerator<number, MoveOutcome, undefined>;
  /** The work that it is (member-work.ts); 0: it is not part of what is to be done. */
  readonly workAll: number;
  readonly rate: WorkRate;
}

/** One member that is being made, and how far it is. */
export class MemberJob implements ExtentJob {
  readonly #options: MemberJobOptions;
  #workDone = 0;
  /** Bytes written of it so far, and read back. */
  #bytesMoved = 0;

  constructor(options: MemberJobOptions) {
    this.#options = options;
  }

  get extent(): ExtentId {
    return this.entry.id;
  }

  get reads(): readonly DiskId[] {
    return this.move.reads;
  }

  get writes(): readonly DiskId[] {
    return this.move.writes;
  }

  get move(): PlannedMove {
    return this.#options.move;
  }

  get entry(): ExtentEntry {
    return this.#options.entry;
  }

  /** What of its work is done. */
  get workDone(): number {
    return this.#workDone;
  }

  get progress(): MemberProgress {
    const { extent, member, to } = this.move;
    const bytes = memberFileBytes(this.entry.row);
    return { extent, member, disk: to, bytes, bytesDone: Math.floor(bytes * this.#partMade) };
  }

  /** Goes on by one step; undefined where there is more to do. `stuck`: a disk gives no answer. */
  async goOn(): Promise<MoveOutcome | "stuck" | undefined> {
    const { clock, work, workAll } = this.#options;
    for (let bytes = 0; bytes < stepBytes;) {
      const next = await nextStep(clock, work);
      if (next === undefined) return "stuck";
      if (next.done === true) return next.value;
      bytes += next.value;
      this.#bytesMoved += next.value;
      this.#count(workAll * this.#partMade);
    }
    return undefined;
  }

  /** It ended, and all of its work is done, or all was in vain. */
  ended(isMade: boolean): void {
    this.#count(isMade ? this.#options.workAll : 0);
  }

  /** Gives up what is half done; rejects with what that meets. */
  async giveUp(): Promise<void> {
    await this.#options.work.return("changed");
  }

  get #partMade(): number {
    return partMade(this.entry.row, this.#bytesMoved);
  }

  #count(workDone: number): void {
    if (this.#options.workAll > 0) this.#options.rate.add(workDone - this.#workDone);
    this.#workDone = workDone;
  }
}
