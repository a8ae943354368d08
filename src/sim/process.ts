import type { SeededRandom } from "../platform/seeded-random.ts";
import type { Scheduler } from "./scheduler.ts";

/*
 * A simulated operating-system process: it can be killed, or paused for long and resumed, and all
 * it does to the world goes through `perform`. A killed process is never answered again, so its
 * code simply stops: promises it waits for stay pending for ever, and what it starts from then on
 * has no effect.
 *
 * What an operation does to the world happens at its start or at its end, by chance; at a kill,
 * operations under way have happened, or will not. So a caller can rely on nothing between asking
 * and being answered.
 */

interface Operation {
  readonly point: string;
  /** The effect on the world that is still to come; undefined once it is done. */
  effect: (() => void) | undefined;
  answer(): void;
}

/**
 * An operation that was under way when its process died; `point` says what it was, and whether it
 * had happened.
 */
export interface CutOperation {
  readonly point: string;
  readonly happened: boolean;
}

export class SimProcess {
  readonly name: string;
  /** Given to it when it was made: none is given twice. */
  readonly number: number;
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #underWay = new Set<Operation>();
  #held: (() => void)[] | undefined;
  #alive = true;
  /** Called as an operation of this name begins (false) and as its effect has happened (true). */
  onPoint: ((point: string, happened: boolean) => void) | undefined;

  constructor(name: string, scheduler: Scheduler, random: SeededRandom) {
    this.name = name;
    this.number = Number.parseInt(name.slice(name.indexOf("#") + 1), 10);
    this.#scheduler = scheduler;
    this.#random = random;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get paused(): boolean {
    return this.#held !== undefined;
  }

  /**
   * Does `effect` once, between now and `delayMs` later, when the caller is answered with its
   * result or its throw.
   */
  perform<T>(point: string, delayMs: number, effect: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!this.#alive) return;
      let answer: () => void = () => {};
      const operation: Operation = {
        point,
        effect: () => {
          operation.effect = undefined;
          try {
            const result = effect();
            answer = () => resolve(result);
          } catch (error) {
            answer = () => reject(error);
          }
          this.#scheduler.note(point);
          this.onPoint?.(point, true);
        },
        answer: () => answer(),
      };
      this.#underWay.add(operation);
      this.onPoint?.(point, false);
      if (!this.#alive) return;
      if (this.#held === undefined && this.#random.chance(0.5)) operation.effect?.();
      if (this.#alive) this.#scheduler.after(delayMs, () => this.#finish(operation));
    });
  }

  /**
   * Runs `run` after a time, unless the process is dead by then; while it is paused, `run` waits.
   */
  later(delayMs: number, run: () => void): { cancelled: boolean } {
    return this.#scheduler.after(delayMs, () => this.#whenRunning(run));
  }

  pause(): void {
    this.#held ??= [];
  }

  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const run of held) this.#scheduler.after(0, () => this.#whenRunning(run));
  }

  /** kill -9. Returns what was under way. */
  kill(): CutOperation[] {
    this.#alive = false;
    this.#held = undefined;
    this.onPoint = undefined;
    const cut: CutOperation[] = [];
    for (const operation of this.#underWay) {
      cut.push({ point: operation.point, happened: operation.effect === undefined });
      if (this.#random.chance(0.5)) operation.effect?.();
    }
    this.#underWay.clear();
    return cut;
  }

  #finish(operation: Operation): void {
    this.#whenRunning(() => {
      operation.effect?.();
      if (!this.#alive) return;
      this.#underWay.delete(operation);
      operation.answer();
    });
  }

  #whenRunning(run: () => void): void {
    if (!this.#alive) return;
    if (this.#held === undefined) run();
    else this.#held.push(run);
  }
}
