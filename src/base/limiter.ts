import { assert } from "./assert.ts";
import { StoreError } from "./errors.ts";

export interface LimiterOptions {
  /** Units that may be in use at once. */
  readonly unitsMax: number;
  /** Callers that may wait; the next one is refused with `overloaded`. */
  readonly waitersMax: number;
  /** The name of what is limited, for the message of a refusal. */
  readonly what: string;
}

interface Waiter {
  readonly units: number;
  readonly start: () => void;
}

/** Runs work while its units (places, bytes …) are free; the rest waits in order of arrival. */
export class Limiter {
  readonly #options: LimiterOptions;
  readonly #waiters: Waiter[] = [];
  #unitsUsed = 0;

  constructor(options: LimiterOptions) {
    this.#options = options;
  }

  get unitsUsed(): number {
    return this.#unitsUsed;
  }

  get waiting(): number {
    return this.#waiters.length;
  }

  /** Work larger than the limit runs alone. */
  async run<T>(units: number, work: () => Promise<T>): Promise<T> {
    const turn = this.enter(units);
    if (turn !== undefined) await turn;
    try {
      return await work();
    } finally {
      this.leave(units);
    }
  }

  /**
   * The same for a caller that calls `leave` itself. Undefined: the units are taken at once, and
   * nothing is to be waited for.
   */
  enter(units: number): Promise<void> | undefined {
    if (this.#waiters.length > 0 || !this.#fits(units)) return this.#wait(units);
    this.#unitsUsed += units;
    return undefined;
  }

  leave(units: number): void {
    this.#unitsUsed -= units;
    this.#startWaiters();
  }

  #fits(units: number): boolean {
    return this.#unitsUsed === 0 || this.#unitsUsed + units <= this.#options.unitsMax;
  }

  #wait(units: number): Promise<void> {
    const { waitersMax, what } = this.#options;
    // holds: C6 waiters-are-limited
    if (this.#waiters.length >= waitersMax) {
      throw new StoreError("overloaded", `${what}: the queue of ${waitersMax} is full`);
    }
    return new Promise((resolve) => {
      this.#waiters.push({ units, start: resolve });
    });
  }

  #startWaiters(): void {
    assert(this.#unitsUsed >= 0, "more units given back than taken");
    let started = 0;
    for (const waiter of this.#waiters) {
      if (!this.#fits(waiter.units)) break;
      this.#unitsUsed += waiter.units;
      waiter.start();
      started++;
    }
    if (started > 0) this.#waiters.splice(0, started);
  }
}
