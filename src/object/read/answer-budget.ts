import { blockBytes } from "../../format/limits.ts";
import type { Clock } from "../../platform/clock.ts";

/*
 * What the bodies of answers under way may hold of a process's memory together (C6). Unbounded, a reader
 * holds two pieces, one being sent and the next being read, and 1,024 readers would hold 2 GiB.
 *
 * Nobody waits and nobody is refused: the fuller the budget, the smaller the pieces that are read, down to
 * a block, which costs nothing. And a reader gets pieces only as large as its peer took quickly before: the
 * slow ones come down to a block each, and leave the budget to those that make use of it.
 */

/**
 * What is read at once while there is room: verified within half a millisecond, and still in the processor's
 * cache when it is sent. Whole chunks, at four times the memory, were not faster.
 */
export const pieceBytesMax = 1024 * 1024;
/** As much as uploads have. */
export const answersBytesMax = 96 * pieceBytesMax;
/** Reading ahead stops at half of that: 24 readers at full speed. */
export const aheadBytesMax = answersBytesMax / 2;
/** Pieces are whole up to here, 80 readers of one each … */
export const wholeBytesMax = 80 * pieceBytesMax;
/** … and then of this size: 32 readers more. */
export const middleBytesMax = 512 * 1024;
/** A block is the least that can be verified, and free: 64 MiB for 1,024 requests. */
export const leastBytesMax = blockBytes;
/** A piece that was not taken in this time was too large for its peer. */
export const takenMsMax = 250;

export class AnswerBudget {
  readonly #clock: Clock;
  #used = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get used(): number {
    return this.#used;
  }

  open(): AnswerShare {
    return new AnswerShare(this, this.#clock);
  }

  /** How many of the wanted bytes may be held now; at least a block. */
  take(wanted: number): number {
    if (this.#used + wanted <= wholeBytesMax) return this.#grant(wanted);
    const middle = Math.min(wanted, middleBytesMax);
    if (this.#used + middle <= answersBytesMax) return this.#grant(middle);
    return Math.min(wanted, leastBytesMax);
  }

  /** All of the wanted bytes, or none. */
  takeAhead(wanted: number): number {
    return this.#used + wanted <= aheadBytesMax ? this.#grant(wanted) : 0;
  }

  giveBack(bytes: number): void {
    this.#used -= costOf(bytes);
  }

  #grant(bytes: number): number {
    this.#used += costOf(bytes);
    return bytes;
  }
}

function costOf(bytes: number): number {
  return bytes <= leastBytesMax ? 0 : bytes;
}

/** What one answer may hold, by what its peer takes. */
export class AnswerShare {
  readonly #budget: AnswerBudget;
  readonly #clock: Clock;
  #bytesMax = pieceBytesMax;

  constructor(budget: AnswerBudget, clock: Clock) {
    this.#budget = budget;
    this.#clock = clock;
  }

  take(wanted: number): number {
    return this.#budget.take(Math.min(wanted, this.#bytesMax));
  }

  /** For the piece after the one that is being sent; 0 for none, as for a peer that is slow. */
  takeAhead(wanted: number): number {
    return this.#bytesMax < pieceBytesMax ? 0 : this.#budget.takeAhead(wanted);
  }

  giveBack(bytes: number): void {
    this.#budget.giveBack(bytes);
  }

  /** A piece is handed on; what is returned is to be called when it has left. */
  handOver(bytes: number): () => void {
    const startMs = this.#clock.monotonicMs();
    return () => {
      const isQuick = this.#clock.monotonicMs() - startMs <= takenMsMax;
      const next = isQuick ? Math.max(2 * bytes, this.#bytesMax) : Math.floor(bytes / 2);
      this.#bytesMax = Math.min(Math.max(next, leastBytesMax), pieceBytesMax);
      this.giveBack(bytes);
    };
  }
}
