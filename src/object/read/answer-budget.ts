import { blockBytes } from "../../format/limits.ts";
import type { Clock } from "../../platform/platform.ts";

/*
 * The budget for the memory that all answers of a process hold together (C6). Without a bound, a
 * reader holds two buffers, one being sent and the next being read.
 *
 * Nobody waits and nobody is refused: while the budget lasts a reader gets whole buffers, and past
 * it one block at a time, which is not counted. And a reader whose peer is slow comes down to a
 * block, too, and leaves the budget to those that make use of it.
 */

/**
 * @limit The bytes read at once while the budget lasts, and the size of a buffer: what one reader
 * holds stays in the processor's cache until it is verified and sent. 64 MiB read and verified took
 * 0.49 s of processor for a GB, and 0.60 with 1 MiB (2 shared cores of 2026, Node 26.10).
 */
export const pieceBytesMax = 512 * 1024;
/** @limit The memory of all answers of a process together: 64 MiB, 64 readers at full speed. */
export const answersBytesMax = 128 * pieceBytesMax;
/** @limit Reading ahead stops at half of that: each of 64 readers has a buffer then. */
export const readAheadBytesMax = answersBytesMax / 2;
/** @limit The least that can be verified; not counted: 64 MiB more for 1,024 requests. */
export const minPieceBytes = blockBytes;
/** @limit A peer that takes longer for a whole piece is slow … */
export const slowPieceMs = 250;
/** @limit … until it has taken so many blocks in a row that fast. */
const quickBlocksMin = 4;

export class AnswerBudget {
  readonly #clock: Clock;
  #used = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Bytes of buffers in use. */
  get used(): number {
    return this.#used;
  }

  open(): AnswerShare {
    return new AnswerShare(this, this.#clock);
  }

  /** How many of the wanted bytes may be held now: as many as a buffer has, or a block. */
  take(wanted: number): number {
    if (wanted <= minPieceBytes || this.#used + pieceBytesMax > answersBytesMax) {
      return Math.min(wanted, minPieceBytes);
    }
    return this.#grant(wanted);
  }

  /** The same for what is not needed yet; 0 where too much is in use. */
  takeAhead(wanted: number): number {
    return this.#used + pieceBytesMax <= readAheadBytesMax ? this.#grant(wanted) : 0;
  }

  giveBack(bytes: number): void {
    this.#used -= costOf(bytes);
  }

  #grant(wanted: number): number {
    const bytes = Math.min(wanted, pieceBytesMax);
    this.#used += costOf(bytes);
    return bytes;
  }
}

/** A piece of more than a block is put into a whole buffer. */
function costOf(bytes: number): number {
  return bytes <= minPieceBytes ? 0 : pieceBytesMax;
}

/** The memory that one answer may hold, by the speed of its peer. */
export class AnswerShare {
  readonly #budget: AnswerBudget;
  readonly #clock: Clock;
  /** Blocks that a slow peer has to take fast. */
  #blocksLeft = 0;

  constructor(budget: AnswerBudget, clock: Clock) {
    this.#budget = budget;
    this.#clock = clock;
  }

  take(wanted: number): number {
    return this.#budget.take(this.#blocksLeft > 0 ? Math.min(wanted, minPieceBytes) : wanted);
  }

  /**
   * Takes memory for the piece after the one that is being sent; 0 for none, as for a slow peer.
   */
  takeAhead(wanted: number): number {
    return this.#blocksLeft > 0 ? 0 : this.#budget.takeAhead(wanted);
  }

  giveBack(bytes: number): void {
    this.#budget.giveBack(bytes);
  }

  /** A piece is handed on; what is returned is to be called when it has left. */
  handOver(bytes: number): () => void {
    const startMs = this.#clock.monotonicMs();
    return () => {
      // In proportion: who takes a block as fast as that takes a whole piece in time, too.
      const quickMs = (slowPieceMs * bytes) / pieceBytesMax;
      const isQuick = this.#clock.monotonicMs() - startMs <= quickMs;
      this.#blocksLeft = isQuick ? Math.max(this.#blocksLeft - 1, 0) : quickBlocksMin;
      this.giveBack(bytes);
    };
  }
}
