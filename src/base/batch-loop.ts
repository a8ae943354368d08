/*
 * Group commit in one place: what is queued is carried out batch by batch, one at a time, and what
 * arrives while one runs makes up the next. Written and synced together, many small requests cost
 * little more than one of them.
 *
 * A loop that was idle does not begin with the first item alone, while others of the same turn of
 * the event loop would have to wait for the whole batch: it waits for that turn to end. It goes on
 * waiting while each turn brings more, but no longer than the last batch took. So waiting never
 * more than doubles what an item needs, and a slow disk gets larger batches by itself. A single
 * client waits for one turn in which nothing else is to be done.
 */

export interface BatchLoopOptions {
  /**
   * Resolves when whatever has arrived by now was handed to whom it is for. Undefined where
   * carrying out a batch begins with such a wait itself.
   */
  readonly turn: (() => Promise<void>) | undefined;
  readonly monotonicMs: () => number;
  /** Items that wait to be part of a batch. */
  readonly waiting: () => number;
  /** With so many waiting, a batch gains nothing by more. */
  readonly itemsMax: number;
  /**
   * Takes items and carries them out. Resolves in the end, whatever became of them; called again
   * while `hasWork`.
   */
  readonly carryOut: () => Promise<void>;
  /** Default: whether anything waits. */
  readonly hasWork?: (() => boolean) | undefined;
}

export class BatchLoop {
  readonly #options: BatchLoopOptions;
  #batchBeganMs = 0;
  #lastBatchMs = 0;
  #isRunning = false;
  /** Of who waits for the end of what is under way. */
  #end: PromiseWithResolvers<void> | undefined;

  constructor(options: BatchLoopOptions) {
    this.#options = options;
  }

  /** Something was queued. */
  wake(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const { turn, monotonicMs } = this.#options;
    if (turn === undefined) this.#next();
    else this.#gather(turn, monotonicMs() + this.#lastBatchMs, 0);
  }

  /** Resolves once nothing is to be done; rejects with what a batch threw meanwhile. */
  idle(): Promise<void> {
    if (!this.#isRunning) return Promise.resolve();
    this.#end ??= Promise.withResolvers();
    return this.#end.promise;
  }

  /** Waits for turns until one has brought no more than the `before` that waited. */
  #gather(turn: () => Promise<void>, endMs: number, before: number): void {
    const { monotonicMs, waiting, itemsMax } = this.#options;
    const count = waiting();
    if (count <= before || count >= itemsMax) {
      this.#next();
      return;
    }
    void turn().then(() => {
      if (monotonicMs() > endMs) this.#next();
      else this.#gather(turn, endMs, count);
    });
  }

  #next(): void {
    const { carryOut, monotonicMs, waiting, hasWork } = this.#options;
    if (!(hasWork?.() ?? waiting() > 0)) {
      this.#isRunning = false;
      this.#end?.resolve();
      this.#end = undefined;
      return;
    }
    this.#batchBeganMs = monotonicMs();
    void carryOut().then(this.#batchEnded, this.#batchThrew);
  }

  readonly #batchEnded = (): void => {
    this.#lastBatchMs = this.#options.monotonicMs() - this.#batchBeganMs;
    this.#next();
  };

  readonly #batchThrew = (error: unknown): void => {
    this.#isRunning = false;
    const end = this.#end;
    this.#end = undefined;
    if (end === undefined) throw error;
    end.reject(error);
  };
}
