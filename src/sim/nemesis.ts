import type { Fault } from "./faults.ts";
import type { Aim, Scene } from "./faults/fault.ts";
import type { Machine, RunningProcess } from "./machine.ts";
import type { SeededRandom } from "../platform/seeded-random.ts";

/** Lets faults happen to a machine, and heals it in the end. */
export class Nemesis {
  readonly #machine: Machine;
  readonly #random: SeededRandom;
  readonly #undo: (() => void)[] = [];
  readonly counts = new Map<string, number>();
  #armed: (() => void) | undefined;

  constructor(machine: Machine, random: SeededRandom) {
    this.#machine = machine;
    this.#random = random;
  }

  async strike({ kind, strike }: Fault): Promise<void> {
    const machine = this.#machine;
    const random = this.#random.fork();
    this.#note(kind.name);
    const scene: Scene = {
      machine,
      random,
      aim: (aim, hit) => this.#aim(aim, random, hit),
      onHeal: (undo) => this.#undo.push(undo),
      afterMs: (ms, run) => machine.options.scheduler.after(ms, run),
    };
    await strike(scene);
  }

  /** A crash that was aimed at a point nobody passed happens now; then all is well again. */
  heal(): void {
    this.#armed?.();
    for (const undo of this.#undo.splice(0)) undo();
    this.#machine.engine.heal();
  }

  #aim(
    aim: Aim | undefined,
    random: SeededRandom,
    strike: (running: RunningProcess | undefined) => void,
  ): void {
    if (aim === undefined) {
      strike(undefined);
      return;
    }
    this.#armed?.();
    const machine = this.#machine;
    const disarm = (note: string) => {
      machine.onPoint = undefined;
      this.#armed = undefined;
      this.#note(note);
    };
    let passes = random.below(3);
    this.#armed = () => {
      disarm("aimed, and missed");
      strike(undefined);
    };
    machine.onPoint = (running, point, happened) => {
      if (happened !== aim.happened || !point.startsWith(aim.point) || passes-- > 0) return;
      disarm("aimed, and hit");
      strike(running);
    };
  }

  #note(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}
