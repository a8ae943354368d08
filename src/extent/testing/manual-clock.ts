import type { Clock } from "../../platform/platform.ts";

interface Sleeper {
  readonly untilMs: number;
  readonly wake: () => void;
}

/** A clock that moves when the test says so. */
export class ManualClock implements Clock {
  #nowMs = 1_700_000_000_000;
  #wallByMs = 0;
  readonly #sleepers = new Set<Sleeper>();

  now(): number {
    return this.#nowMs + this.#wallByMs;
  }

  /** Sets the wall clock, by so much from now on. */
  setWall(byMs: number): void {
    this.#wallByMs += byMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  turn(): Promise<void> {
    return Promise.resolve();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper = { untilMs: this.#nowMs + ms, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }

  get sleepers(): number {
    return this.#sleepers.size;
  }

  /** Time passes, and nobody does anything meanwhile: the process stands still. */
  stop(ms: number): void {
    this.#nowMs += ms;
  }

  /** Lets time pass second by second, and each time everybody do what they then do. */
  async advance(ms: number): Promise<void> {
    await settle();
    for (const endMs = this.#nowMs + ms; this.#nowMs < endMs;) {
      this.#nowMs = Math.min(endMs, this.#nowMs + 1000);
      for (const sleeper of Array.from(this.#sleepers)) {
        if (sleeper.untilMs <= this.#nowMs) sleeper.wake();
      }
      await settle();
    }
  }
}

/**
 * Until all that is waiting for nothing but its turn has had it: memory answers within a few
 * hundred turns.
 */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 500; turn++) await Promise.resolve();
}

/** True where it waits for more than its turn. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let isPending = true;
  const done = (): void => void (isPending = false);
  promise.then(done, done);
  await settle();
  return isPending;
}
