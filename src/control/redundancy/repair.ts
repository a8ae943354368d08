import { must } from "../../base/assert.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import type { ExtentWriter } from "../../extent/extent-writer.ts";
import type { ExtentRow } from "../../format/extent-row.ts";
import type { DiskId, ExtentId } from "../../format/ids.ts";
import { idText } from "../../format/ids.ts";
import type { Keymap } from "../../keymap/keymap.ts";
import { readWorkOrders } from "../../keymap/work-orders.ts";
import { isUneven, type Move, type PlacedExtent, planMoves } from "../../placement/plan-moves.ts";
import type { CanLose } from "../../placement/survival.ts";
import type { BackgroundCounters } from "../counters.ts";
import type { ExtentClaims } from "../extents/extent-claims.ts";
import type { StoragePlane } from "../extents/extent-walk.ts";
import type { ExtentWorklist } from "../extents/extent-worklist.ts";
import { RestingExtents } from "../extents/resting-extents.ts";
import type { RestoreWindow } from "../restore-window.ts";
import type { StepOutcome, Task } from "../task-loop.ts";
import type { DiskSurvey, DiskSurveyResult } from "./disk-survey.ts";
import { healthOf, isRepairable, memberFileBytes } from "../extents/extent-health.ts";
import type { MemberProgress, PlannedMove } from "./member-job.ts";
import { MemberMaking, restMs } from "./member-making.ts";
import { memberWork } from "./member-work.ts";
import { heldRank, RepairQueue } from "./repair-queue.ts";
import { StuckExtents } from "./stuck-extents.ts";
import { WorkRate } from "./work-rate.ts";

/*
 * Gives extents their redundancy back: members that are damaged, missing or behind are made again,
 * and those on disks that have gone, or are being emptied, are made on others. Extents that can
 * lose the fewest members come first; where members go is planned for many of them at once, so that
 * all disks take part (placement/plan-moves.ts).
 *
 * A walk through the extent table finds what is to be done: at the start, when a disk comes, goes
 * or changes its state, and now and then. What is noted of a member is found by the rows of short
 * extents, also before the walk comes to its end: a disk that is back after a time away gets what
 * it missed at once, and nothing else. A disk that is away for less than a time of grace is waited
 * for: most come back, and then nothing needs to be copied.
 *
 * When nothing is lost, members are moved from the fullest disks to emptier ones.
 *
 * Extents that nothing refers to, and that the restore window keeps, are repaired and moved as
 * well, behind all others.
 *
 * Operators may pause all this, once the members at hand are made, and have everything looked
 * through at once.
 */

/** @limit Extents in the queue, some 200 bytes each; others are found by the next walk. */
const queuedMax = 65_536;
/** @limit Rows read at once while walking. */
const rowsPerStep = 256;
/** @limit Extents whose moves are planned together: some 20 ms. */
const plannedAtOnce = 64;
/** @limit Moves planned together, which are all unless many members of each are to be made. */
const movesMax = 4 * plannedAtOnce;
/** @limit Time from one walk to the next, if nothing brings one on. */
const walkEveryMs = 10 * 60_000;

export interface MemberRepairOptions extends StoragePlane {
  readonly keymap: Pick<Keymap, "system" | "session">;
  readonly survey: DiskSurvey;
  /** What rewrites extents. */
  readonly writer: Pick<ExtentWriter, "membersNow">;
  readonly claims: ExtentClaims;
  readonly worklist: Pick<ExtentWorklist, "again">;
  readonly counters: BackgroundCounters;
  readonly restoreWindow: Pick<RestoreWindow, "isHeld">;
  readonly canLose: CanLose;
  /**
   * Has what is alive in the extent copied into others: some of it no member has whole, it has
   * fewer copies than a new one would have, or a member that no disk takes.
   */
  readonly rewrite: (extent: ExtentId) => void;
  /** Space on a disk that no members are put into. */
  readonly reserveBytes: number;
}

export interface RepairStatistics {
  readonly isPaused: boolean;
  /** True until the extents were looked through since something changed. */
  readonly isLooking: boolean;
  /** Extents that wait, and bytes of the members that are to be made. */
  readonly extents: number;
  readonly bytesLeft: number;
  /** Members that no disk takes, as last planned. */
  readonly stuck: number;
  /** Time until it is done, if it goes on like this; undefined where that is not known. */
  readonly leftMs: number | undefined;
  /** The members that are being made. */
  readonly now: readonly MemberProgress[];
}

export class Repair implements Task {
  readonly name = "repair";
  readonly #options: MemberRepairOptions;
  readonly #queue = new RepairQueue(queuedMax);
  readonly #rate: WorkRate;
  readonly #resting: RestingExtents;
  readonly #making: MemberMaking;
  /** Planned, the most urgent first. */
  #moves: readonly PlannedMove[] = [];
  /** True where the last plan had no moves, and nothing was found since. */
  #isPlannedOut = false;
  #isWalking = true;
  #walkedUpTo: ExtentId | undefined;
  #nextWalkMs = 0;
  #balancedUpTo: ExtentId | undefined;
  #disks = "";
  /** Extents with members that no disk takes, and how many those are. */
  readonly #stuck = new Map<ExtentId, number>();
  #stuckLogMs = 0;
  readonly #stuckExtents: StuckExtents;
  #isPaused = false;
  /** The order to begin anew that was followed last. */
  #begunByMs: number | undefined;

  constructor(options: MemberRepairOptions) {
    this.#options = options;
    this.#stuckExtents = new StuckExtents(options);
    this.#rate = new WorkRate(options.platform.clock);
    this.#resting = new RestingExtents(options.platform.clock, queuedMax);
    const shared = { rate: this.#rate, resting: this.#resting };
    this.#making = new MemberMaking({
      ...options,
      ...shared,
      isRepairable: (row) => this.#isRepairable(row),
      isUrgent: (id) => this.#queue.isUrgent(id),
      ended: (id, entry) => this.#lookAgain(id, entry),
    });
  }

  statistics(): RepairStatistics {
    return {
      isPaused: this.#isPaused,
      isLooking: this.#isWalking,
      extents: this.#queue.size,
      bytesLeft: this.#queue.left.bytes,
      stuck: this.#stuckMembers(),
      leftMs: this.#leftMs(),
      now: this.#making.progress,
    };
  }

  #stuckMembers(): number {
    return [...this.#stuck.values()].reduce((sum, one) => sum + one, 0);
  }

  /** Not known while not all is found, or something waits that does not end by itself. */
  #leftMs(): number | undefined {
    const { size, isIncomplete, left } = this.#queue;
    const isUncertain = this.#isWalking || this.#isPaused || isIncomplete;
    if (isUncertain || this.#stuckMembers() > 0) return undefined;
    if (size === 0) return 0;
    // What nothing can be made of waits for its disks.
    const work = left.work - this.#making.workDone;
    return work > 0 ? this.#rate.msFor(work) : undefined;
  }

  get isUrgent(): boolean {
    return this.#making.isUrgent || this.#urgentMoves.length > 0;
  }

  get #urgentMoves(): readonly PlannedMove[] {
    return this.#moves.filter(({ extent }) => this.#queue.isUrgent(extent));
  }

  async step(signal: AbortSignal): Promise<StepOutcome> {
    const { isUrgent } = this;
    const survey = await this.#options.survey.now();
    if (this.#isWalking) await this.#walk(survey);
    const isToRest = await this.#isToRest();
    if (isToRest) this.#moves = [];
    else await this.#beginMore(survey, signal);
    // What is urgent is made in steps that are, and all else in others.
    if (this.#making.isUrgent !== isUrgent) return "busy";
    if (await this.#making.goOn()) return "busy";
    if (isToRest) return "paused";
    if (this.#isWalking) return "busy";
    if (this.#queue.size > 0) return "throttled";
    this.#rate.end();
    return (await this.#balance(survey)) ? "busy" : "idle";
  }

  /** Finds what is to be made, and begins with as much as may be made at once. */
  async #beginMore(survey: DiskSurveyResult, signal: AbortSignal): Promise<void> {
    this.#noticeDisks(survey);
    // holds: C8 noted-members-before-the-walk-ends
    if (this.#queue.size === 0) await this.#findNoted(survey);
    if (this.#queue.size > 0) this.#rate.begin();
    const isDue = this.#making.size === 0 || !this.#isPlannedOut;
    if (this.#moves.length === 0 && isDue) await this.#plan(survey);
    for (let move = this.#takeMove(); move !== undefined; move = this.#takeMove()) {
      await this.#making.begin(move, this.#queue.has(move.extent), signal);
    }
  }

  /** The next move to begin with: of the most urgent ones that whose disks have the least to do. */
  #takeMove(): PlannedMove | undefined {
    const urgent = this.#urgentMoves;
    const isUrgent = urgent.length > 0;
    const moves = isUrgent ? urgent : this.#moves;
    for (const rank of new Set(moves.map((move) => this.#rankOf(move)))) {
      const wanted = moves.filter((one) => this.#rankOf(one) === rank);
      const move = this.#making.choose(wanted, isUrgent);
      if (move === undefined) continue;
      this.#moves = this.#moves.filter((one) => one !== move);
      return move;
    }
    return undefined;
  }

  /** What is not to be repaired comes last. */
  #rankOf({ extent }: Move): number {
    return this.#queue.rankOf(extent) ?? Infinity;
  }

  /** Gives up what is half done. */
  close(): Promise<void> {
    return this.#making.close();
  }

  /** True if an operator wants it; if one asked for a new look at everything, that begins. */
  async #isToRest(): Promise<boolean> {
    const { isPaused, beginMs } = await readWorkOrders(this.#options.keymap, "repair");
    this.#isPaused = isPaused;
    if (isPaused) return true;
    if (this.#begunByMs !== undefined && this.#begunByMs !== beginMs) {
      this.#resting.wakeAll();
      this.#making.tryAllAgain();
      this.#beginWalk();
    }
    this.#begunByMs = beginMs;
    return false;
  }

  /** Looks through all extents again when a disk is not as it was. */
  #noticeDisks({ disks, topology }: DiskSurveyResult): void {
    const health = new Map(topology.disks.map((disk) => [disk.disk, disk]));
    const now = [...disks.values()]
      .map(({ id, state, isPaused, place }) => {
        const known = health.get(id)?.health ?? "removed";
        return `${idText(id)} ${state} ${isPaused} ${place !== undefined} ${known}`;
      })
      .sort()
      .join("\n");
    const isDue = this.#options.platform.clock.monotonicMs() >= this.#nextWalkMs;
    if (now !== this.#disks) this.#resting.wakeAll();
    if (now !== this.#disks || (isDue && !this.#isWalking)) this.#beginWalk();
    this.#disks = now;
  }

  #beginWalk(): void {
    this.#queue.clear();
    this.#stuck.clear();
    this.#moves = [];
    this.#isWalking = true;
    this.#walkedUpTo = undefined;
    this.#nextWalkMs = this.#options.platform.clock.monotonicMs() + walkEveryMs;
  }

  async #walk(survey: DiskSurveyResult): Promise<void> {
    const entries = await this.#options.table.list(this.#walkedUpTo, rowsPerStep);
    for (const entry of entries) this.#note(entry, survey);
    this.#walkedUpTo = entries.at(-1)?.id;
    this.#isWalking = entries.length === rowsPerStep;
    // What is more urgent than what was planned meanwhile is known only now.
    if (!this.#isWalking) this.#moves = [];
  }

  /** Extents whose members were noted as bad since the last walk. */
  async #findNoted(survey: DiskSurveyResult): Promise<void> {
    const { table } = this.#options;
    for (const { id } of await table.listShort(undefined, plannedAtOnce)) {
      const entry = this.#resting.has(id) ? undefined : await table.get(id);
      if (entry !== undefined) this.#note(entry, survey);
    }
    // Moves that level the disks wait for what was found.
    if (this.#queue.size > 0) this.#moves = [];
  }

  /** Queues the extent if members of it are to be made. */
  #note(entry: ExtentEntry, { disks, topology }: DiskSurveyResult): void {
    const { row, id } = entry;
    this.#forget(id);
    if (!this.#isRepairable(row)) return;
    const isThere = (disk: DiskId): boolean => disks.get(disk)?.place !== undefined;
    const { spare, lost } = healthOf(row, isThere, this.#options.canLose);
    // holds: C8 narrow-extents-are-rewritten
    if (spare >= 0 && this.#isNarrow(row)) this.#options.rewrite(id);
    const bad = row.members.filter(({ disk, state }) => {
      const place = topology.tree.placeOf(disk);
      const found = place === undefined ? undefined : topology.disks[place];
      const isGone = found === undefined || found.health === "gone";
      return state !== "whole" || isGone || found.isDraining;
    });
    // Of the only copy there is nothing to make another from, unless its disk is emptied.
    const isHopeless = row.members.length === 1 && spare < 0;
    if (bad.length === 0 || isHopeless) return;
    const bytes = bad.length * memberFileBytes(row);
    const workOf = ({ disk, state }: ExtentRow["members"][number]): number =>
      memberWork(row, state === "whole" && isThere(disk));
    const work = spare < 0 ? 0 : bad.reduce((sum, one) => sum + workOf(one), 0);
    const isHeld = row.state === "dropping";
    // holds: C8 urgent-extents-do-not-wait
    const isUrgent = !isHeld && spare <= 0 && lost.length > 0;
    // holds: C5 held-extents-come-last
    const rank = isHeld ? heldRank + spare : spare;
    this.#queue.set(id, rank, { bytes, work, isUrgent });
    this.#isPlannedOut = false;
    // What was planned before waits.
    if (isUrgent && !this.#resting.has(id)) this.#moves = [];
  }

  #isRepairable(row: ExtentRow): boolean {
    const { restoreWindow } = this.#options;
    return isRepairable(row, (droppedMs) => restoreWindow.isHeld(droppedMs));
  }

  async #lookAgain(id: ExtentId, entry: ExtentEntry | undefined): Promise<void> {
    if (entry === undefined) this.#forget(id);
    else this.#note(entry, await this.#options.survey.now());
  }

  /** Nothing is to be done for the extent, as far as is known. */
  #forget(id: ExtentId): void {
    this.#queue.delete(id);
    this.#stuck.delete(id);
  }

  /** True of copies that are fewer than the writer would make now. */
  #isNarrow(row: ExtentRow): boolean {
    const { state, scheme, coming } = row;
    if (state !== "reconciled" || coming.length > 0) return false;
    if (scheme.kind !== "replicated") return false;
    return scheme.copies < this.#options.writer.membersNow(row);
  }

  async #plan(survey: DiskSurveyResult): Promise<void> {
    const { table, reserveBytes } = this.#options;
    const { topology } = survey;
    const placed: PlacedExtent[] = [];
    let isForHeld = true;
    let left = 0;
    for (const id of this.#queue.first(queuedMax)) {
      if (placed.length === plannedAtOnce) break;
      const mustWait = this.#resting.has(id) || this.#options.claims.has(id);
      // One that waits may be dropped meanwhile: then it is not to be counted any longer.
      if (mustWait && left++ >= rowsPerStep) continue;
      const entry = await table.get(id);
      if (entry === undefined || !this.#isRepairable(entry.row)) this.#forget(id);
      else if (!mustWait) {
        const isHeld = entry.row.state === "dropping";
        // They get what is left of the disks' space.
        if (isHeld && !isForHeld) break;
        isForHeld = isHeld;
        placed.push(placedOf(entry));
      }
    }
    const options = { movesMax, balances: false, reserveBytes };
    const { moves, stuck } = planMoves(topology, placed, options);
    for (const { id } of placed) this.#stuck.delete(id);
    for (const { extent } of stuck) this.#stuck.set(extent, (this.#stuck.get(extent) ?? 0) + 1);
    const wanted = moves.filter(({ reason }) => reason !== "crowded");
    const byRank = (one: Move, other: Move): number => this.#rankOf(one) - this.#rankOf(other);
    this.#moves = withReads(wanted, placed).toSorted(byRank);
    this.#isPlannedOut = wanted.length === 0;
    const planned = new Set(wanted.map(({ extent }) => extent));
    for (const { id } of moves.length < movesMax ? placed : []) {
      if (!planned.has(id)) this.#resting.rest(id, restMs);
    }
    await this.#stuckExtents.rewrite(stuck, survey);
    const [first] = stuck;
    const { clock, log } = this.#options.platform;
    if (first === undefined || clock.monotonicMs() < this.#stuckLogMs) return;
    this.#stuckLogMs = clock.monotonicMs() + restMs;
    const { extent, why } = first;
    log("warn", "member_has_no_place", { extent, why, extents: this.#stuck.size });
  }

  /** Plans moves from full disks to emptier ones; true if there are any, or more to look through. */
  async #balance({ topology }: DiskSurveyResult): Promise<boolean> {
    if (!isUneven(topology)) return false;
    const { table, reserveBytes } = this.#options;
    const entries = await table.list(this.#balancedUpTo, plannedAtOnce);
    this.#balancedUpTo = entries.at(-1)?.id;
    const placed = entries.filter(({ row }) => this.#isRepairable(row)).map(placedOf);
    const { moves } = planMoves(topology, placed, { movesMax: plannedAtOnce, reserveBytes });
    const wanted = moves.filter(({ reason }) => reason === "balance" || reason === "crowded");
    this.#moves = withReads(wanted, placed);
    return this.#moves.length > 0 || entries.length === plannedAtOnce;
  }
}

function placedOf({ id, row }: ExtentEntry): PlacedExtent {
  const { scheme, members } = row;
  const lost = [...members.keys()].filter((member) => members[member]?.state !== "whole");
  const disks = members.map(({ disk }) => disk);
  return { id, scheme, members: disks, lost, bytes: memberFileBytes(row) };
}

/** The moves with the disks that they use: they may read those of all members that are not lost. */
function withReads(moves: readonly Move[], placed: readonly PlacedExtent[]): PlannedMove[] {
  const extents = new Map(placed.map((one) => [one.id, one]));
  return moves.map((move) => {
    const { members, lost } = must(extents.get(move.extent), "moves are of what was placed");
    const isLost = (member: number): boolean =>
      lost.includes(member) || (member === move.member && move.reason === "lost");
    const reads = members.filter((_, member) => !isLost(member));
    return { ...move, reads, writes: [move.to] };
  });
}
