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
  #lastBatchMs = 0;
  #isRunning = false;
  #end = Promise.resolve();

  constructor(options: BatchLoopOptions) {
    this.#options = options;
  }

  /** Something was queued. */
  wake(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#end = this.#run();
  }

  /** Resolves once nothing is to be done. */
  idle(): Promise<void> {
    return this.#end;
  }

  async #run(): Promise<void> {
    const { carryOut, monotonicMs, waiting } = this.#options;
    const hasWork = this.#options.hasWork ?? (() => waiting() > 0);
    try {
      if (this.#options.turn !== undefined) await this.#gather(this.#options.turn);
      while (hasWork()) {
        const beganMs = monotonicMs();
        await carryOut();
        this.#lastBatchMs = monotonicMs() - beganMs;
      }
    } finally {
      this.#isRunning = false;
    }
  }

  async #gather(turn: () => Promise<void>): Promise<void> {
    const { monotonicMs, waiting, itemsMax } = this.#options;
    const endMs = monotonicMs() + this.#lastBatchMs;
    for (let before = 0; waiting() > before && waiting() < itemsMax;) {
      before = waiting();
      await turn();
      if (monotonicMs() > endMs) return;
    }
  }
}
