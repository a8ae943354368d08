import { messageOf } from "../../base/errors.ts";
import { Codes } from "../../erasure/codes.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import { UnprovenBytes } from "../../extent/verified-content.ts";
import { type ExtentRow, filesOf, isFileOf } from "../../format/extent-row.ts";
import type { DiskId, ExtentId } from "../../format/ids.ts";
import { idText } from "../../format/ids.ts";
import type { Keymap } from "../../keymap/keymap.ts";
import { planMembers } from "../../placement/plan-members.ts";
import type { BackgroundCounters } from "../counters.ts";
import type { ExtentClaims } from "../extents/extent-claims.ts";
import { haveDifferentRoots, memberFileBytes } from "../extents/extent-health.ts";
import type { StoragePlane } from "../extents/extent-walk.ts";
import type { ExtentWorklist } from "../extents/extent-worklist.ts";
import type { RestingExtents } from "../extents/resting-extents.ts";
import { isTransient } from "../task-loop.ts";
import { answeringDisks, type DiskSurvey } from "./disk-survey.ts";
import { MemberJob, type MemberProgress, type PlannedMove } from "./member-job.ts";
import { moveMember, type MoveOutcome, type UnfitPlace } from "./member-move.ts";
import { memberWork } from "./member-work.ts";
import { mostApart, RunningJobs } from "./running-jobs.ts";
import type { WorkRate } from "./work-rate.ts";

/**
 * @limit Members that are made at the same time, and as many of those that are urgent while others
 * are half done: each has 2 MiB in memory and half a mebibyte of each shard that it reads, with
 * RS(20,4) some 100 MiB in all, with RS(8,4) 50 MiB.
 */
const madeAtOnceMax = 4;
/** @limit An extent that could not be repaired is left alone for this long. */
export const restMs = 60_000;
/** @limit Extents with unfit places that are remembered; past it all are forgotten. */
const unfitMax = 65_536;

export interface MemberMakingOptions extends StoragePlane {
  readonly keymap: Pick<Keymap, "session">;
  readonly survey: DiskSurvey;
  readonly claims: ExtentClaims;
  readonly resting: RestingExtents;
  readonly worklist: Pick<ExtentWorklist, "again">;
  readonly counters: BackgroundCounters;
  readonly rate: WorkRate;
  /** Has what is alive in the extent copied into others: some of it no member has whole. */
  readonly rewrite: (extent: ExtentId) => void;
  readonly isRepairable: (row: ExtentRow) => boolean;
  /** True where one more loss may lose data. */
  readonly isUrgent: (extent: ExtentId) => boolean;
  /** Called when nothing is made of the extent any more, as it is now; undefined: it has gone. */
  readonly ended: (extent: ExtentId, entry: ExtentEntry | undefined) => Promise<void>;
  /** Space on a disk that no members are put into. */
  readonly reserveBytes: number;
}

/**
 * Makes members of several extents side by side. What is urgent has the disks for itself: others
 * that are half done wait for it.
 */
export class MemberMaking {
  readonly #options: MemberMakingOptions;
  readonly #codes = new Codes();
  readonly #jobs: RunningJobs<MemberJob>;
  /** Disks on which a member of an extent could not be made, and why. */
  readonly #unfit = new Map<ExtentId, Map<DiskId, UnfitPlace>>();

  constructor(options: MemberMakingOptions) {
    this.#options = options;
    this.#jobs = new RunningJobs(options.platform.clock, (job) => this.#goOnWith(job));
  }

  /** How many are being made. */
  get size(): number {
    return this.#jobs.all.length;
  }

  /** The members that are being made. */
  get progress(): readonly MemberProgress[] {
    return this.#jobs.all.map(({ progress }) => progress);
  }

  /** What is done of the work for them. */
  get workDone(): number {
    return this.#jobs.all.reduce((sum, one) => sum + one.workDone, 0);
  }

  /** True while some of them are urgent: then all others wait. */
  get isUrgent(): boolean {
    return this.#urgent.length > 0;
  }

  get #urgent(): readonly MemberJob[] {
    return this.#jobs.all.filter(({ extent }) => this.#options.isUrgent(extent));
  }

  /**
   * The one to begin with now, of moves that are all urgent or all not: that whose disks have the
   * least to do; undefined where none may begin.
   */
  choose(moves: readonly PlannedMove[], isUrgent: boolean): PlannedMove | undefined {
    if (!isUrgent && this.isUrgent) return undefined;
    const running = isUrgent ? this.#urgent : this.#jobs.all;
    if (running.length >= madeAtOnceMax) return undefined;
    return mostApart(
      moves.filter(({ extent }) => !this.#jobs.has(extent)),
      running,
    );
  }

  /** A step of all of them, or of those that are urgent; false where there is none. */
  goOn(): Promise<boolean> {
    return this.#jobs.goOn(this.isUrgent ? this.#urgent : this.#jobs.all);
  }

  /** Files that were in the way may have gone. */
  tryAllAgain(): void {
    this.#unfit.clear();
  }

  /** Gives up what is half done. */
  close(): Promise<void> {
    const { claims } = this.#options;
    return this.#jobs.close((job) => job.giveUp().finally(() => claims.release(job.extent)));
  }

  /**
   * Begins with the move, unless it cannot be made now.
   *
   * @param isLeft true where it is of what is left to repair; moves that level disks are not.
   */
  async begin(move: PlannedMove, isLeft: boolean, signal: AbortSignal): Promise<void> {
    const { claims, resting } = this.#options;
    const { extent } = move;
    if (resting.has(extent) || !claims.take(extent)) return;
    let job: MemberJob | undefined;
    try {
      job = await this.#jobOf(move, isLeft, signal);
    } finally {
      if (job === undefined) {
        claims.release(extent);
        resting.rest(extent, restMs);
      }
    }
    if (job !== undefined) this.#jobs.add(job);
  }

  /** Undefined where the member cannot be made now. */
  async #jobOf(
    move: PlannedMove,
    isLeft: boolean,
    signal: AbortSignal,
  ): Promise<MemberJob | undefined> {
    const { table, survey, platform, rate, isRepairable } = this.#options;
    const { extent, member, from } = move;
    const entry = await table.get(extent);
    const isSame = entry?.row.members[member]?.disk === from && isRepairable(entry.row);
    // holds: C5 differing-copies-are-not-repaired
    const isFree = isSame && entry.row.coming.length === 0 && !haveDifferentRoots(entry.row);
    const to = isFree ? await this.#placeOf(entry, move) : undefined;
    if (entry === undefined || to === undefined) return undefined;
    const disks = answeringDisks(await survey.now(), this.#options.disks);
    const options = { ...this.#options, disks, codes: this.#codes };
    const workAll = isLeft ? await this.#workOf(entry, member) : 0;
    const work = moveMember(options, { entry, member, to }, signal);
    const shared = { clock: platform.clock, rate, entry };
    return new MemberJob({ ...shared, move: { ...move, to, writes: [to] }, work, workAll });
  }

  async #workOf({ row }: ExtentEntry, member: number): Promise<number> {
    const { disks } = await this.#options.survey.now();
    const place = row.members[member];
    return memberWork(row, place?.state === "whole" && disks.get(place.disk)?.place !== undefined);
  }

  /** Where the member goes: not where a file has its name already. */
  async #placeOf(
    { id, row }: ExtentEntry,
    { to, member }: PlannedMove,
  ): Promise<DiskId | undefined> {
    // A file that leaves has the new one's name until readers have let go of it.
    const isTaken = row.members[member]?.disk !== to && isFileOf(row, to, row.layout);
    const unfit = isTaken ? "file in the way" : this.#unfit.get(id)?.get(to);
    if (unfit === undefined) return to;
    const { survey, reserveBytes } = this.#options;
    const { topology } = await survey.now();
    const existing = row.members.filter((_, place) => place !== member).map(({ disk }) => disk);
    const { members } = planMembers(topology, {
      count: existing.length + 1,
      existing,
      exclude: filesOf(row).map(({ disk }) => disk),
      freeBytesMin: memberFileBytes(row) + reserveBytes,
      random: survey.random,
    });
    // Where no other disk takes it, its own may by now.
    return members[0] ?? (unfit === "file in the way" ? undefined : to);
  }

  async #goOnWith(job: MemberJob): Promise<void> {
    try {
      const outcome = await job.goOn();
      if (outcome === "stuck") this.#putAside(job);
      else if (outcome !== undefined) await this.#finish(job, outcome);
    } catch (thrown) {
      job.ended(false);
      await this.#end(job);
      this.#leaveAlone(job, thrown);
    }
  }

  /** A disk that it writes to gives no answer: it is given up once there is one. */
  #putAside(job: MemberJob): void {
    const { extent } = job;
    const { member, to } = job.move;
    const { claims, platform, resting } = this.#options;
    job.ended(false);
    this.#jobs.delete(job);
    resting.rest(extent, restMs);
    const ended = job.giveUp().catch(() => undefined); // it changed nothing
    void ended.then(() => claims.release(extent));
    platform.log("warn", "member_put_aside", { extent, member, disk: idText(to) });
  }

  async #finish(job: MemberJob, outcome: MoveOutcome): Promise<void> {
    const { counters, platform, resting } = this.#options;
    const { extent, member, to, reason, bytes } = job.move;
    job.ended(outcome === "done");
    if (outcome === "done") {
      counters.membersRepaired++;
      counters.bytesRepaired += bytes;
      platform.log("info", "member_made", { extent, member, disk: idText(to), reason });
    } else if (outcome === "changed") {
      resting.rest(extent, restMs);
    } else {
      this.#noteUnfit(job, outcome);
    }
    await this.#end(job);
  }

  #noteUnfit({ extent, move: { to } }: MemberJob, why: UnfitPlace): void {
    const { platform, resting } = this.#options;
    const isInTheWay = why === "file in the way";
    const event = isInTheWay ? "extent_file_in_the_way" : "extent_file_not_writable";
    platform.log("error", event, { extent, disk: idText(to) });
    if (this.#unfit.size >= unfitMax) this.#unfit.clear();
    const disks = this.#unfit.get(extent) ?? new Map<DiskId, UnfitPlace>();
    // It was tried there once more, for want of another disk.
    if (disks.get(to) === why) resting.rest(extent, restMs);
    this.#unfit.set(extent, disks.set(to, why));
  }

  async #end(job: MemberJob): Promise<void> {
    const { claims, worklist, table, ended } = this.#options;
    const { extent } = job;
    this.#jobs.delete(job);
    claims.release(extent);
    worklist.again(extent);
    await ended(extent, await table.get(extent));
  }

  #leaveAlone({ entry, extent, move }: MemberJob, thrown: unknown): void {
    const { platform, rewrite, resting } = this.#options;
    if (!isTransient(thrown)) throw thrown;
    resting.rest(extent, restMs);
    // Nothing is alive in one that only the restore window keeps.
    if (thrown instanceof UnprovenBytes && entry.row.state !== "dropping") rewrite(extent);
    const fields = { extent, member: move.member, message: messageOf(thrown) };
    platform.log("error", "member_not_made", fields);
  }
}
