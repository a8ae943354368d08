import type { Clock } from "../platform/clock.ts";
import type { SimProcess } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";

/** The machine's wall clock; it may be set, as an operator or NTP does. */
export class WallClock {
  readonly #scheduler: Scheduler;
  #offsetMs: number;
  /** It went otherwise than time does. */
  wasSet = false;

  constructor(scheduler: Scheduler, startMs: number) {
    this.#scheduler = scheduler;
    this.#offsetMs = startMs;
  }

  now(): number {
    return Math.floor(this.#offsetMs + this.#scheduler.nowMs);
  }

  jump(byMs: number): void {
    this.#offsetMs += byMs;
    this.wasSet = true;
  }
}

/** Virtual time as one process sees it: it advances only when everybody waits. */
export function createSimClock(process: SimProcess, scheduler: Scheduler, wall: WallClock): Clock {
  return {
    now: () => wall.now(),
    monotonicMs: () => scheduler.nowMs,
    turn: () => new Promise((resolve) => void process.later(0, resolve)),
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) {
          resolve();
          return;
        }
        const onAbort = () => {
          event.cancelled = true;
          resolve();
        };
        const event = process.later(ms, () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        });
        signal?.addEventListener("abort", onAbort, { once: true });
      }),
  };
}
