import { blockBytes } from "../../format/limits.ts";

/*
 * When a second member is asked although the first may still answer. A read waits for the slowest
 * it needs, so a few slow answers of one disk are what all the slow requests are made of (Dean &
 * Barroso, "The Tail at Scale", 2013). Small reads are hedged: a large one costs too much to be made
 * twice, and is asked again only past its deadline.
 */

/** @limit Reads up to here are hedged, without their header. */
export const hedgedBytesMax = blockBytes;
/** @limit Additional reads of disks for each small read. */
export const hedgeShareMax = 0.02;
/** @limit Hedges that may come at once, after a time in which none was needed. */
const tokensMax = 16;
/** Above this there are tokens to spare. */
const tokensSpare = tokensMax / 2;
/** @limit The wait before a hedge, in 95th percentiles: what is later than that is late indeed. */
const stretchMax = 16;
/** It is stretched for each token that was not there … */
const stretchMore = 1.25;
/** … and shortened for each read while there are some to spare. */
const stretchLess = 1.01;
/** @limit A member that has not answered by then is not waited for: another one is asked. */
export const readDeadlineMs = 1000;
/** @limit Answers that must be known before it is known what is late. */
const answersMin = 100;
/** Answers after which all counts are halved: what was long ago counts less and less. */
const answersUntilHalved = 4096;
/** Classes of times for each doubling: 19 % from one to the next. */
const classesPerDoubling = 4;
/** Those above 1 µs, up to over a minute. */
const classes = 26 * classesPerDoubling;

/** How long small reads take of late, by classes of times. */
export class AnswerTimes {
  readonly #counts = new Float64Array(classes);
  #total = 0;

  get isKnown(): boolean {
    return this.#total >= answersMin;
  }

  add(ms: number): void {
    const doublings = Math.log2(Math.max(1, ms * 1000));
    const of = Math.min(classes - 1, Math.floor(doublings * classesPerDoubling));
    this.#counts[of]! += 1;
    this.#total += 1;
    if (this.#total < answersUntilHalved) return;
    for (let i = 0; i < classes; i++) this.#counts[i]! /= 2;
    this.#total /= 2;
  }

  /** A time that this share of answers took no longer than, in milliseconds. */
  quantile(share: number): number {
    let above = this.#total * (1 - share);
    for (let of = classes - 1; of > 0; of--) {
      above -= this.#counts[of]!;
      if (above < 0) return 2 ** ((of + 1) / classesPerDoubling) / 1000;
    }
    return 2 ** (1 / classesPerDoubling) / 1000;
  }
}

/**
 * What may be spent on asking a second member: a token for fifty small reads, and as many tokens
 * for a hedge as it takes reads of disks: one of a copy, several to decode.
 *
 * One in twenty reads is later than the 95th percentile, which is more than there are tokens. So
 * that those that are really late get them, the wait is stretched whenever a token is wanted and
 * not there, and shortened while there are tokens to spare.
 */
export class HedgeBudget {
  readonly times = new AnswerTimes();
  readonly #share: number;
  #tokens = 0;
  #stretch = 1;
  #sent = 0;
  #won = 0;

  /** @param share tokens for each read: 0, and nothing is hedged. */
  constructor(share = hedgeShareMax) {
    this.#share = share;
  }

  get statistics(): { readonly sent: number; readonly won: number } {
    return { sent: this.#sent, won: this.#won };
  }

  /** A small read begins. When it is late, in milliseconds; undefined while that is not known. */
  begin(): number | undefined {
    this.#tokens = Math.min(tokensMax, this.#tokens + this.#share);
    if (this.#tokens > tokensSpare) this.#stretch = Math.max(1, this.#stretch / stretchLess);
    return this.times.isKnown ? this.times.quantile(0.95) * this.#stretch : undefined;
  }

  /** True: it may be hedged, which takes so many reads of disks. */
  spend(reads: number): boolean {
    // holds: C6 hedges-within-budget
    if (this.#tokens < reads) {
      this.#stretch = Math.min(stretchMax, this.#stretch * stretchMore);
      return false;
    }
    this.#tokens -= reads;
    this.#sent++;
    return true;
  }

  won(): void {
    this.#won++;
  }
}
