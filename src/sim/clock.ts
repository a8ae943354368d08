import type { Clock } from "../platform/platform.ts";
import type { SimProcess } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";

/**
 * The machine's wall clock; it may be set, as an operator or NTP does, and may differ from process
 * to process.
 */
export class WallClock {
  readonly #scheduler: Scheduler;
  #offsetMs: number;
  /**
   * By how much the clocks of processes started one after the other differ, as those of several
   * machines do.
   */
  apartMs = 0;

  constructor(scheduler: Scheduler, startMs: number) {
    this.#scheduler = scheduler;
    this.#offsetMs = startMs;
  }

  /** The clock of a process; or of the machine. */
  now(process?: SimProcess): number {
    const apartMs = process === undefined ? 0 : ((process.number % 3) - 1) * this.apartMs;
    return Math.floor(this.#offsetMs + apartMs + this.#scheduler.nowMs);
  }

  jump(byMs: number): void {
    this.#offsetMs += byMs;
  }
}

/** Virtual time as one process sees it: it advances only when everybody waits. */
export function createSimClock(process: SimProcess, scheduler: Scheduler, wall: WallClock): Clock {
  return {
    now: () => wall.now(process),
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
