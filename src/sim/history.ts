import type { KeyState, KeyStep } from "./key-state.ts";
import { applyStep, isRead, noBucket } from "./key-state.ts";
import type { TimedStep, Verdict } from "./linearize.ts";
import { findOrder } from "./linearize.ts";

/**
 * Configurations searched for one key: 2 s where all of them are stacks of versions. Hardly any
 * history needs more than 200; what needs more than this is counted, and said to be undecided.
 */
const configurationsMax = 20_000;
/** Ticks before the step that is wrong, from which on others are shown in the message. */
const ticksShown = 100;

/** A promise was broken: the seed that shows it is worth more than the message. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/** Something that is wrong unless others wrote the key at the time. */
export interface Suspicion {
  readonly target: string;
  readonly start: number;
  readonly end: number;
  /** The value whose writers are not others. */
  readonly value: KeyState;
  readonly complaint: string;
}

/**
 * The observations of the clients, by key, to be judged when the run is over (C2), and with it C1
 * and C3.
 */
export class History {
  readonly #steps = new Map<string, TimedStep<KeyStep>[]>();
  readonly #suspicions: Suspicion[] = [];
  /** Keys whose history could not be judged, neither right nor wrong, when it was checked last. */
  readonly #undecided = new Set<string>();
  #tick = 0;

  get undecided(): number {
    return this.#undecided.size;
  }

  /** A moment behind all moments before. */
  tick(): number {
    return ++this.#tick;
  }

  add(target: string, step: TimedStep<KeyStep>): void {
    const steps = this.#steps.get(target);
    if (steps === undefined) this.#steps.set(target, [step]);
    else steps.push(step);
  }

  suspect(suspicion: Suspicion): void {
    this.#suspicions.push(suspicion);
  }

  /** Throws Violation if a key's history has no order in which all answers are right. */
  check(etagOf: (value: KeyState) => string | undefined): void {
    const apply = (step: KeyStep, state: KeyState) => applyStep(step, state, etagOf);
    for (const [target, steps] of this.#steps) {
      const verdict = findOrder(steps, { initial: noBucket, apply, isRead }, configurationsMax);
      if (verdict.kind === "violation") throw new Violation(describe(target, steps, verdict));
      if (verdict.kind === "undecided") this.#undecided.add(target);
      else this.#undecided.delete(target);
    }
    for (const suspicion of this.#suspicions) {
      if (!this.#othersWrote(suspicion)) throw new Violation(suspicion.complaint);
    }
  }

  #othersWrote({ target, start, end, value }: Suspicion): boolean {
    const steps = this.#steps.get(target) ?? [];
    return steps.some(({ step, ...at }) => {
      if (at.end < start || at.start > end) return false;
      if (step.kind === "write") return step.value !== value;
      return step.kind === "versionRemoved" || step.kind === "bucketDeleted";
    });
  }
}

function describe(
  target: string,
  steps: readonly TimedStep<KeyStep>[],
  { step, possible }: Verdict<KeyStep, KeyState> & { readonly kind: "violation" },
): string {
  const since = step.start - ticksShown;
  const around = steps.filter(({ start, end }) => end > since && start <= step.end);
  const lines = around.map(({ start, end, certain, label, step: { kind } }) => {
    return `  ${start}…${end} ${kind} ${label}${certain ? "" : " (cut off)"}`;
  });
  const answer = `${target}: ${step.label} was answered, which fits none of: ${possible.join()}`;
  return `C2: not linearizable: ${answer}\n${lines.join("\n")}`;
}
