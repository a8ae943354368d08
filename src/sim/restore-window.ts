import type { SeededRandom } from "../platform/seeded-random.ts";
import type { History } from "./history.ts";
import type { Machine } from "./machine.ts";

/*
 * Some fleets keep what was freed for a time. Moments of their runs are noted; once all has been
 * judged, the index is restored to one of them (judge-restored.ts).
 */

/** Short, so that some of what is held goes within a run; mostly longer than a run takes. */
const windowsMs = [300_000, 600_000] as const;
/** Operations from one moment to the next, so that there are some between any two faults. */
export const operationsPerMoment = 13;
/** Commits of one millisecond have the same time. */
const momentMs = 2;

/** A time that the index may be restored to, and what clients had done by then. */
export interface Moment {
  readonly toMs: number;
  /** Ticks of the history: what ended before has happened, what begins later has not. */
  readonly start: number;
  readonly end: number;
}

export function planWindow(random: SeededRandom): number {
  return random.pick(windowsMs);
}

export class NotedMoments {
  readonly #machine: Machine;
  readonly #history: History;
  readonly #all: Moment[] = [];

  constructor(machine: Machine, history: History) {
    this.#machine = machine;
    this.#history = history;
  }

  get all(): readonly Moment[] {
    return this.#all;
  }

  /** Notes the present moment, which ends a little later. */
  note(): Promise<void> {
    const { wall, options } = this.#machine;
    const start = this.#history.tick();
    const toMs = wall.now();
    return new Promise((resolve) => {
      options.scheduler.after(momentMs, () => {
        this.#all.push({ toMs, start, end: this.#history.tick() });
        resolve();
      });
    });
  }
}
