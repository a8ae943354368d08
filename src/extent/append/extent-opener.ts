import type { ExtentClass } from "../../format/extent-row.ts";
import { assert, must } from "../../base/assert.ts";
import { StoreError } from "../../base/errors.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import { DiskError, isDiskError } from "../../platform/disk.ts";
import type { DiskHealth } from "../disk/disk-health.ts";
import { noDiskFailure } from "../disk/no-disk-failure.ts";
import { DiskChooser } from "./disk-chooser.ts";
import type { ExtentLedger } from "./extent-ledger.ts";
import { lateMsMax } from "./member-appender.ts";
import type { OpenExtent } from "./open-extent.ts";
import {
  copiesOn,
  DiskRefused,
  type ExtentPlace,
  type OpeningCounts,
  type OpeningOptions,
  openNewExtent,
} from "./open-new-extent.ts";

/**
 * @limit Where two disks are there, nothing is answered that is on one of them alone: the loss of
 * any one disk must lose nothing.
 */
const membersLeast = 2;

export interface ExtentOpenerOptions extends OpeningOptions {
  readonly ledger: ExtentLedger;
  /** The disks that are there. */
  readonly disksNow: () => readonly DiskHealth[];
  /** How many extents are being written on a disk. */
  readonly openOn: (health: DiskHealth) => number;
}

const tooFew = "only one data directory can be written now, and nothing is kept on one alone";

/** Opens the extents of a writer on disks that placement chooses among those that can be used. */
export class ExtentOpener {
  readonly #options: ExtentOpenerOptions;
  readonly #chooser: DiskChooser;
  readonly #counts: OpeningCounts = { extentsOpened: 0, filesInTheWay: 0 };
  #extentsNarrower = 0;
  /** How many members the newest extent has, by how many it should have. */
  readonly #copies = new Map<number, number>();

  constructor(options: ExtentOpenerOptions) {
    const { disks, platform } = options;
    this.#options = options;
    this.#chooser = new DiskChooser({ disks, random: platform.random });
  }

  statistics(): Readonly<OpeningCounts> & { readonly extentsNarrower: number } {
    return { ...this.#counts, extentsNarrower: this.#extentsNarrower };
  }

  /** True if members of new extents may be on the disk. */
  isUsable(health: DiskHealth): boolean {
    return this.#options.disksNow().includes(health) && this.#chooser.isUsable(health);
  }

  /** How many members a new extent would have that should have so many. */
  membersNow(copies: number): number {
    const usable = this.#options.disksNow().filter((health) => this.#chooser.isUsable(health));
    return Math.min(copies, usable.length);
  }

  /**
   * Opens an extent on as many disks as it should have copies, or as can be used: on one alone only
   * where no other is there. Disks that are late are waited for until there are enough. The disks
   * that are asked something for it are in `asked` until they answer.
   *
   * StoreError `overloaded`, or DiskError by which disks have stopped, where there are too few now.
   */
  async open(
    extentClass: ExtentClass,
    copies: number,
    asked: Set<DiskHealth>,
  ): Promise<OpenExtent> {
    for (let tried = 1; ; tried++) {
      const { disksNow, openOn } = this.#options;
      const least = this.#membersLeast(copies);
      const now = this.membersNow(copies);
      if (now < least) await this.#lookAtUnused(least - now, asked);
      const chosen = this.#chooser.choose(disksNow(), copies, openOn);
      const [first] = chosen;
      if (first === undefined) throw this.#stoppedDisk();
      const ready = await this.#readyDisks(chosen, asked, least);
      const mayTryAgain = tried <= disksNow().length;
      // Those that are not stop, so that others are chosen.
      if (ready.length < chosen.length && mayTryAgain) continue;
      if (ready.length === 0) throw this.#stoppedDisk();
      // holds: C1 two-members-where-two-disks-are
      if (ready.length < this.#membersLeast(copies)) throw this.#tooFewDisks();
      this.#noteCopies(ready.length, copies);
      try {
        return await this.#make(copiesOn(ready, extentClass), asked);
      } catch (error) {
        // That disk is not chosen again.
        if (!(error instanceof DiskRefused && mayTryAgain)) throw error;
      }
    }
  }

  /** Opens an extent just there. DiskError where a disk is not ready for it. */
  async openAt(place: ExtentPlace, asked: Set<DiskHealth>): Promise<OpenExtent> {
    const ready = await this.#readyDisks(place.disks, asked, 0);
    if (ready.length < place.disks.length) throw this.#stoppedDisk();
    return this.#make(place, asked);
  }

  #make(place: ExtentPlace, asked: Set<DiskHealth>): Promise<OpenExtent> {
    return openNewExtent(this.#options, place, this.#options.ledger, this.#counts, asked);
  }

  /**
   * How many members an extent has at the least. A disk that is late, full or read-only is there; a
   * missing one is not. One that fails may be lost: then of two disks the other goes on alone. That
   * two of three fail at once is seldom the disks' fault: they are waited for until they are taken
   * out.
   */
  #membersLeast(copies: number): number {
    const there = this.#disksMeant().filter(({ state }) => state.kind !== "missing");
    const sound = there.filter(({ state: { kind } }) => kind !== "io" && kind !== "no_answer");
    const isEnough = sound.length >= membersLeast || there.length > membersLeast;
    return isEnough ? Math.min(membersLeast, copies) : 1;
  }

  #disksMeant(): readonly DiskHealth[] {
    return this.#options.disksNow().filter((health) => this.#chooser.isMeantForUse(health));
  }

  /** Looks at the disks that are not used now: so many more of them are needed. */
  async #lookAtUnused(needed: number, asked: Set<DiskHealth>): Promise<void> {
    const unused = this.#disksMeant().filter((health) => !health.isWritable);
    await this.#readyDisks(unused, asked, needed);
  }

  /**
   * Looks at disks before an extent is opened there. One that is slow is no longer waited for once
   * so many are ready as are needed; else until it answers, or counts as failed since it does not.
   */
  async #readyDisks(
    disks: readonly DiskHealth[],
    asked: Set<DiskHealth>,
    needed: number,
  ): Promise<readonly DiskHealth[]> {
    const look = async (health: DiskHealth): Promise<void> => {
      asked.add(health);
      try {
        await health.checkFor(extentHeaderBytes);
      } catch (error) {
        // Its health knows.
        assert(isDiskError(error), "a look fails by its disk alone");
      } finally {
        asked.delete(health);
      }
    };
    const looks = new Map(disks.map((health) => [health, look(health)]));
    const unanswered = (): DiskHealth[] => disks.filter((health) => asked.has(health));
    const isEnough = (): boolean =>
      disks.filter((health) => health.isWritable && !asked.has(health)).length >= needed;
    const late = new AbortController();
    const all = Promise.all(looks.values());
    // In the place of an only disk there is no other.
    if (this.#options.disksNow().length === 1) await all;
    else await Promise.race([all, this.#options.platform.clock.sleep(lateMsMax, late.signal)]);
    late.abort();
    while (!isEnough() && unanswered().some(({ state }) => state.kind === "writable")) {
      await Promise.race(unanswered().map((health) => must(looks.get(health), "a look at each")));
    }
    for (const health of unanswered()) health.leaveAlone();
    return disks.filter((health) => health.isWritable);
  }

  /** Why no extent is opened though a disk could be written: what people can mend comes first. */
  #tooFewDisks(): Error {
    const states = this.#disksMeant().map(({ state }) => state);
    for (const wanted of ["full", "read_only"] as const) {
      const found = states.find(({ kind }) => kind === wanted);
      if (found !== undefined && found.kind !== "writable")
        return new DiskError(wanted, `${tooFew}: ${found.message}`);
    }
    return new StoreError("overloaded", `${tooFew}: others are late or fail`);
  }

  /** Why the last disk that could be asked takes nothing. */
  #stoppedDisk(): DiskError {
    const { message } = noDiskFailure(this.#options.disksNow());
    const stopped = this.#options
      .disksNow()
      .map(({ state }) => state)
      .find(({ kind }) => kind !== "writable");
    const kind = stopped === undefined || stopped.kind === "writable" ? "io" : stopped.kind;
    return new DiskError(kind, message);
  }

  /** Says once that extents have fewer copies than they should, and once that they have not. */
  #noteCopies(copies: number, wanted: number): void {
    if (copies < wanted) this.#extentsNarrower++;
    if (copies === this.#copies.get(wanted)) return;
    const level = copies < Math.min(wanted, this.#options.disksNow().length) ? "warn" : "info";
    const event = copies < wanted ? "extent_narrower" : "extent_as_wide_as_wanted";
    this.#options.platform.log(level, event, {
      copies,
      wanted,
      disks: this.#options.disksNow().length,
    });
    this.#copies.set(wanted, copies);
  }
}
