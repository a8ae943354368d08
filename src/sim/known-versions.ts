import { Violation } from "./history.ts";
import type { ValueName } from "./key-state.ts";
import type { SeededRandom } from "../platform/seeded-random.ts";

export interface KnownVersion {
  readonly id: string;
  readonly name: ValueName;
}

/** The version ids that clients got, and what each stands for: it never becomes another. */
export class KnownVersions {
  readonly #ofTargets = new Map<string, Map<string, ValueName>>();

  note(target: string, { id, name }: KnownVersion): void {
    const known = this.#ofTargets.get(target) ?? new Map<string, ValueName>();
    this.#ofTargets.set(target, known);
    const before = known.get(id) ?? name;
    if (before !== name) throw new Violation(`C2: version ${id} was ${before}, and is ${name}`);
    known.set(id, name);
  }

  nameOf(target: string, id: string): ValueName | undefined {
    return this.#ofTargets.get(target)?.get(id);
  }

  /** The newest that clients know of, newest first. */
  newest(target: string, count: number): KnownVersion[] {
    const known = [...(this.#ofTargets.get(target) ?? [])].slice(-count).reverse();
    return known.map(([id, name]) => ({ id, name }));
  }

  /** The newest are met most: others write there too. */
  some(random: SeededRandom, target: string): KnownVersion | undefined {
    const known = [...(this.#ofTargets.get(target) ?? [])].map(([id, name]) => ({ id, name }));
    const choices = random.chance(0.6) ? known.slice(-3) : known;
    return choices.length === 0 ? undefined : random.pick(choices);
  }

  /** A known version, perhaps of another key. */
  someElsewhere(random: SeededRandom): KnownVersion | undefined {
    const targets = [...this.#ofTargets.keys()];
    return targets.length === 0 ? undefined : this.some(random, random.pick(targets));
  }
}
