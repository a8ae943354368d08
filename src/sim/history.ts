import type { KeyState, KeyStep } from "./key-state.ts";
import { applyStep, noBucket } from "./key-state.ts";
import type { TimedStep } from "./linearize.ts";
import { findViolation } from "./linearize.ts";

/** A promise was broken: the seed that shows it is worth more than the message. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/** Something that is wrong unless others wrote the key at the time. */
export interface Claim {
  readonly target: string;
  readonly start: number;
  readonly end: number;
  /** The value whose writers are not others. */
  readonly value: KeyState;
  readonly complaint: string;
}

/**
 * What the clients saw of each key, to be judged when the run is over (C2), and with it C1 and C3.
 */
export class History {
  readonly #steps = new Map<string, TimedStep<KeyStep>[]>();
  readonly #claims: Claim[] = [];
  #tick = 0;

  /** A moment behind all moments before. */
  tick(): number {
    return ++this.#tick;
  }

  add(target: string, step: TimedStep<KeyStep>): void {
    const steps = this.#steps.get(target);
    if (steps === undefined) this.#steps.set(target, [step]);
    else steps.push(step);
  }

  claim(claim: Claim): void {
    this.#claims.push(claim);
  }

  /** Throws Violation if a key's history has no order in which all answers are right. */
  check(etagOf: (value: KeyState) => string | undefined): void {
    for (const [target, steps] of this.#steps) {
      const found = findViolation<KeyStep, KeyState>(steps, noBucket, (step, state) =>
        applyStep(step, state, etagOf),
      );
      if (found === undefined) continue;
      const { step, possible } = found;
      const around = steps.filter(({ start, end }) => end > step.start - 100 && start <= step.end);
      const lines = around.map(({ start, end, certain, label, step: { kind } }) => {
        return `  ${start}…${end} ${kind} ${label}${certain ? "" : " (cut off)"}`;
      });
      const answer = `${target}: ${step.label} was answered, which fits none of: ${possible.join()}`;
      throw new Violation(`C2: not linearizable: ${answer}\n${lines.join("\n")}`);
    }
    for (const claim of this.#claims) {
      if (!this.#othersWrote(claim)) throw new Violation(claim.complaint);
    }
  }

  #othersWrote({ target, start, end, value }: Claim): boolean {
    const steps = this.#steps.get(target) ?? [];
    return steps.some(({ step, ...at }) => {
      if (at.end < start || at.start > end) return false;
      if (step.kind === "write") return step.value !== value;
      return step.kind === "versionRemoved" || step.kind === "bucketDeleted";
    });
  }
}
