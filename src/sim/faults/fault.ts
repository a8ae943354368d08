import type { StoreErrorCode } from "../../base/errors.ts";
import type { Machine, RunningProcess } from "../machine.ts";
import type { SeededRandom } from "../../platform/seeded-random.ts";

// The interface of faults: each kind has a file next to this one, and a line in ../faults.ts.

export interface FaultKind {
  /** The name it is counted under. */
  readonly name: string;
  /** How often it is picked, compared with the other kinds. */
  readonly weight: number;
  /** The errors that clients may get during the fault, and after it. */
  readonly excuses: readonly StoreErrorCode[];
  /** True where wall clocks are not what they were: then no time says what was done by then. */
  readonly movesClocks?: true;
  /** Decides beforehand what one fault of this kind does. */
  readonly plan: (random: SeededRandom) => Strike;
}

export type Strike = (scene: Scene) => void | Promise<void>;

/** The machine that a fault strikes, and what all of them need. */
export interface Scene {
  readonly machine: Machine;
  readonly random: SeededRandom;
  /** Strikes as a process passes the point; at once, with no process, where there is none. */
  readonly aim: (aim: Aim | undefined, strike: (running?: RunningProcess) => void) => void;
  /** Done when the run is over and the machine has to be well again. */
  readonly onHeal: (undo: () => void) => void;
  readonly afterMs: (ms: number, run: () => void) => void;
}

export interface Aim {
  /** The beginning of a point, with its role. */
  readonly point: string;
  /** True once its effect has happened, or has been asked for. */
  readonly happened: boolean;
}

/** How long what passes lasts: short against a lease, about as long, long. */
export function pickDurationMs(random: SeededRandom): number {
  return random.pick([50, 2000, 20_000]);
}

export function anyRunning({ machine, random }: Scene): RunningProcess | undefined {
  const { running } = machine;
  return running.length === 0 ? undefined : random.pick(running);
}
