/*
 * Reads of LMDB happen in the thread of the event loop, and their promises are kept without a turn of it: whoever reads
 * page after page would hold the loop, and every other client with it, until he has done. So reads are counted, by rows
 * and bytes, and past a limit the next one waits for a turn of the loop. Who waits goes on in order of arrival, as many
 * in each turn as the limit lets: a hundred long listings share the loop, too. A small read waits for nothing and makes no promise.
 */

/** Of one turn: a page of a listing, decoded and written as XML, takes 6 ms (2 cores of 2026). */
const rowsPerTurn = 1024;
/** Bytes that are as much work as a row: to check, to copy and to decode. */
const bytesPerRow = 1024;

export class LoopShare {
  #rows = 0;
  #turning: Promise<void> | undefined;

  /** A read of `rows` rows with so many bytes has been done. */
  count(rows: number, bytes: number): void {
    this.#rows += rows + bytes / bytesPerRow;
  }

  /** The next read has to wait for `turn`, and look again. */
  get isSpent(): boolean {
    return this.#rows >= rowsPerTurn;
  }

  turn(): Promise<void> {
    this.#turning ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#rows = 0;
        this.#turning = undefined;
        resolve();
      });
    });
    return this.#turning;
  }
}
