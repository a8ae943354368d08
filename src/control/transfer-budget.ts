import { assert } from "../base/assert.ts";
import type { TransferMeter } from "../extent/metered-disks.ts";
import type { Clock } from "../platform/platform.ts";
import { MeasuredBandwidth } from "./measured-bandwidth.ts";

/*
 * What repair, encoding, compaction and scrub may read and write. While clients are idle they all
 * run as fast as they can. While clients are active they have one budget together: a share of the
 * measured bandwidth. A step is paid for by its bytes, in the time that these take at the highest
 * rate measured of that kind of work, so a step that clients make slow costs no more than another,
 * nor does one that waits more than it moves.
 *
 * Whose turn it is follows start-time fair queueing: of those that wait, the one that has had the
 * least for its weight. One of them works at a time then, so that a burst is one step.
 *
 * What is urgent, since one more loss would lose data, has a larger share, for itself, and waits
 * for nothing but that.
 */

/** @limit Below this part of the time with requests under way, clients count as idle. */
const idleBelow = 0.02;
/** @limit Clients count as active at this part and above; in between the budget shrinks evenly. */
const activeFrom = 0.2;
/**
 * @limit The part of the bandwidth for what is urgent while clients are active. All else has 20 %
 * beside it, so that clients keep a fifth at the least.
 */
const urgentShare = 0.6;
/** @limit Unused budget is kept for so long: a rest does not lead to a burst. */
const savedMs = 50;
/** @limit Time from one look for a turn to the next, where another task has it. */
const lookMs = 25;
/** @limit A debt is waited out in pieces of this length: clients may have gone meanwhile. */
const waitMsMax = 500;
/** @limit A task that moved nothing for so long only looks for work: it need not wait. */
const restedMs = 10_000;
/** @limit A step that hangs, as at a disk that does not answer, keeps others back for this long. */
const turnMsMax = 5_000;

export interface TransferBudgetOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  /** The part of the bandwidth that is left while clients are active, above 0, up to 1. */
  readonly share: number;
  /** The part of the last second or so in which clients had requests under way. */
  readonly clientLoad: () => number;
}

/** What may be spent of one share, as time at full bandwidth. */
class Allowance {
  /** Below 0 it is owed. */
  #levelMs = 0;
  #filledAtMs: number;

  constructor(nowMs: number) {
    this.#filledAtMs = nowMs;
  }

  /** Adds what was earned up to now. */
  fill(nowMs: number, share: number, savedMsMax: number): void {
    const earned = (nowMs - this.#filledAtMs) * share;
    this.#filledAtMs = nowMs;
    // What was spent while clients were idle is not owed once they come.
    this.#levelMs = share === 1 ? 0 : Math.min(savedMsMax, this.#levelMs + earned);
  }

  spend(ms: number): void {
    this.#levelMs -= ms;
  }

  /** Time until nothing is owed, or after which to ask again. */
  waitMs(share: number): number {
    return this.#levelMs < 0 ? Math.min(waitMsMax, Math.ceil(-this.#levelMs / share)) : 0;
  }
}

export class TransferBudget {
  readonly #options: TransferBudgetOptions;
  readonly #payers: TransferPayer[] = [];
  readonly #usual: Allowance;
  readonly #urgent: Allowance;
  /** What the last one to begin had had for its weight. */
  #virtualMs = 0;

  constructor(options: TransferBudgetOptions) {
    assert(options.share > 0 && options.share <= 1, "a share is above 0, and 1 at the most");
    this.#options = options;
    this.#usual = new Allowance(this.nowMs);
    this.#urgent = new Allowance(this.nowMs);
  }

  /** A task that takes part; one of twice the weight gets twice as much while both wait. */
  payer(weight: number, meter: TransferMeter): TransferPayer {
    const payer = new TransferPayer(this, { weight, meter });
    this.#payers.push(payer);
    return payer;
  }

  /** The part of the bandwidth that may be used now; 1 while clients are idle. */
  #shareOf(isUrgent: boolean): number {
    const { clientLoad } = this.#options;
    const share = isUrgent ? Math.max(urgentShare, this.#options.share) : this.#options.share;
    const load = clientLoad();
    if (load < idleBelow) return 1;
    const pressure = Math.min(1, (load - idleBelow) / (activeFrom - idleBelow));
    return 1 - (1 - share) * pressure;
  }

  get nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  /** Time until the payer may begin, or should ask again; 0: it may begin. */
  waitMs(payer: TransferPayer): number {
    const { isUrgent } = payer;
    const share = this.#fill(isUrgent);
    if (share === 1 || !payer.hasMovedSince(this.nowMs - restedMs)) return 0;
    const owedMs = this.#allowanceOf(isUrgent).waitMs(share);
    if (owedMs > 0 || isUrgent) return owedMs;
    if (this.#isMoving()) return lookMs;
    const others = this.#payers.filter((one) => one !== payer && !one.isUrgent);
    const start = this.#startOf(payer);
    const isFirst = others.every((one) => !one.isWaiting || this.#startOf(one) >= start);
    return isFirst ? 0 : lookMs;
  }

  /** What the payer has had for its weight; one that rested does not make up for it. */
  #startOf(payer: TransferPayer): number {
    return Math.max(payer.hadMs, this.#virtualMs);
  }

  began(payer: TransferPayer): void {
    if (!payer.isUrgent) this.#virtualMs = this.#startOf(payer);
  }

  /** Takes the cost of a step; returns what its payer has had now for its weight. */
  spend(payer: TransferPayer, ms: number): number {
    this.#fill(payer.isUrgent);
    this.#allowanceOf(payer.isUrgent).spend(ms);
    return payer.isUrgent ? payer.hadMs : this.#startOf(payer) + ms / payer.weight;
  }

  #allowanceOf(isUrgent: boolean): Allowance {
    return isUrgent ? this.#urgent : this.#usual;
  }

  /** Adds what was earned up to now; returns the share. */
  #fill(isUrgent: boolean): number {
    const share = this.#shareOf(isUrgent);
    const isMoving = this.#payers.some((one) => one.isUrgent === isUrgent && this.#isUnderWay(one));
    const savedMsMax = isMoving ? Number.POSITIVE_INFINITY : savedMs;
    this.#allowanceOf(isUrgent).fill(this.nowMs, share, savedMsMax);
    return share;
  }

  /** True while a step is under way that the others wait for. */
  #isMoving(): boolean {
    return this.#payers.some((one) => this.#isUnderWay(one));
  }

  #isUnderWay(payer: TransferPayer): boolean {
    return payer.hasBegunSince(this.nowMs - turnMsMax);
  }
}

/** One kind of work that takes from the budget. */
export class TransferPayer {
  readonly weight: number;
  readonly #budget: TransferBudget;
  readonly #meter: TransferMeter;
  readonly #bandwidth = new MeasuredBandwidth();
  #begun: { readonly atMs: number; readonly bytes: number } | undefined;
  #isWaiting = false;
  #isUrgent = false;
  #movedAtMs = Number.NEGATIVE_INFINITY;
  #hadMs = 0;

  constructor(
    budget: TransferBudget,
    { weight, meter }: { readonly weight: number; readonly meter: TransferMeter },
  ) {
    this.weight = weight;
    this.#budget = budget;
    this.#meter = meter;
  }

  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** True if its step is, or the one that it asks for. */
  get isUrgent(): boolean {
    return this.#isUrgent;
  }

  /** Time at full bandwidth that it has had, for each of its weight; what was urgent aside. */
  get hadMs(): number {
    return this.#hadMs;
  }

  get meter(): Readonly<TransferMeter> {
    return this.#meter;
  }

  /** Bytes in a second at full speed; undefined until it is known. */
  get bytesPerSecondMax(): number | undefined {
    return this.#bandwidth.bytesPerSecond;
  }

  hasMovedSince(atMs: number): boolean {
    return this.#movedAtMs >= atMs;
  }

  /** True of a step under way. */
  hasBegunSince(atMs: number): boolean {
    return this.#begun !== undefined && this.#begun.atMs >= atMs;
  }

  /** 0, and its step has begun; otherwise the time after which to ask again. */
  begin(isUrgent = false): number {
    this.#isUrgent = isUrgent;
    const waitMs = this.#budget.waitMs(this);
    this.#isWaiting = waitMs > 0;
    if (waitMs > 0) return waitMs;
    this.#budget.began(this);
    this.#begun = { atMs: this.#budget.nowMs, bytes: this.#meter.bytes };
    return 0;
  }

  /** Called when it does not want its turn any more. */
  leave(): void {
    this.#isWaiting = false;
  }

  /** Called after each step that has begun. */
  end(): void {
    const begun = this.#begun;
    assert(begun !== undefined, "a step that ends has begun");
    const bytes = this.#meter.bytes - begun.bytes;
    const { nowMs } = this.#budget;
    const tookMs = nowMs - begun.atMs;
    if (bytes > 0) {
      this.#movedAtMs = nowMs;
      this.#bandwidth.note(bytes, tookMs, nowMs);
    }
    const costMs = bytes > 0 ? this.#bandwidth.costMs(bytes, tookMs) : 0;
    this.#hadMs = this.#budget.spend(this, costMs);
    this.#begun = undefined;
  }
}
