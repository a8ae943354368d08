/*
 * Long work lets others go on. What is computed in the thread of the event loop holds it, and with
 * it every other client: code that reads page after page from an index in memory, or a document of
 * 10,000 elements, does not end its turn by itself, since its promises are settled without a turn
 * of the loop. So work is counted here, by all of a process together, and past a limit, code with
 * more to do waits for a turn first. Who waits goes on in order of arrival, as many in each turn as
 * the limit lets: a hundred long listings share the loop, too. Small requests wait for nothing and
 * make no promise more.
 *
 *     while (loop.isSpent) await loop.turn();
 *     …
 *     loop.count(rows);
 */

/**
 * @limit In rows of the index, read, decoded and written as XML: 2 to 3 µs each (2 cores of 2026).
 * So a turn takes 3 ms and, with the piece of work begun last, 6.
 */
const rowsPerTurn = 1024;

export class LoopShare {
  readonly #nextTurn: () => Promise<void>;
  #rows = 0;
  #turning: Promise<void> | undefined;

  /** @param nextTurn resolves when whatever has arrived by now was handed to whom it is for. */
  constructor(nextTurn: () => Promise<void>) {
    this.#nextTurn = nextTurn;
  }

  /** Counts work done, as much as this many rows take. */
  count(rows: number): void {
    this.#rows += rows;
  }

  /** Code that has more to do than a small request waits for `turn`, and looks again. */
  get isSpent(): boolean {
    return this.#rows >= rowsPerTurn;
  }

  turn(): Promise<void> {
    this.#turning ??= this.#nextTurn().then(() => {
      this.#rows = 0;
      this.#turning = undefined;
    });
    return this.#turning;
  }
}
