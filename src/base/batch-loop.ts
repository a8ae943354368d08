/*
 * Group commit in one place: what is queued is carried out batch by batch, one at a time, and what
 * arrives while one runs makes up the next. Written and synced together, many small requests cost
 * little more than one of them, and a slow disk gets larger batches by itself.
 *
 * A loop that was idle does not begin with the first item alone, while others of the same turn of
 * the event loop would have to wait for the whole batch: it waits for that turn to end, and no
 * longer. Under load a turn takes milliseconds, in which reads are answered; a loop that waited on
 * while turns brought more made writes wait behind them.
 */

export interface BatchLoopOptions {
  /**
   * Resolves when whatever has arrived by now was handed to whom it is for. Undefined where
   * carrying out a batch begins with such a wait itself.
   */
  readonly turn: (() => Promise<void>) | undefined;
  /** Takes items and carries them out. Resolves in the end, whatever became of them. */
  readonly carryOut: () => Promise<void>;
  /** True if anything is to be carried out. */
  readonly hasWork: () => boolean;
}

export class BatchLoop {
  readonly #options: BatchLoopOptions;
  #isRunning = false;
  /** Resolves at the end of what is under way, if somebody waits for that. */
  #end: PromiseWithResolvers<void> | undefined;

  constructor(options: BatchLoopOptions) {
    this.#options = options;
  }

  /** Called when something was queued. */
  wake(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const { turn } = this.#options;
    if (turn === undefined) this.#next();
    else void turn().then(this.#next);
  }

  get isIdle(): boolean {
    return !this.#isRunning;
  }

  /** Resolves once nothing is to be done; rejects with what a batch threw meanwhile. */
  idle(): Promise<void> {
    if (!this.#isRunning) return Promise.resolve();
    this.#end ??= Promise.withResolvers();
    return this.#end.promise;
  }

  readonly #next = (): void => {
    const { carryOut, hasWork } = this.#options;
    if (hasWork()) void carryOut().then(this.#next, this.#batchThrew);
    else this.#stop()?.resolve();
  };

  readonly #batchThrew = (error: unknown): void => {
    const end = this.#stop();
    if (end === undefined) throw error;
    end.reject(error);
  };

  #stop(): PromiseWithResolvers<void> | undefined {
    const end = this.#end;
    this.#end = undefined;
    this.#isRunning = false;
    return end;
  }
}
