/*
 * Is there an order of the operations, each at one instant between its call and its return, in
 * which every answer is right?
 *
 * The history is walked in time, keeping every configuration that is still possible: the state, and
 * which of the operations under way have already taken effect. When an operation returns, the
 * configurations in which it has, or can now be made to have taken effect (after others under way,
 * in any order) are those that remain. None left: not linearizable. An operation that was cut off
 * (its process died) may have happened before its end, or never.
 *
 * After Gavin Lowe, "Testing for linearizability" (2017), the just-in-time algorithm.
 * Configurations are few, as only what overlaps counts, and as what may never happen need not be
 * tried where it leads to a state that is reached without it.
 */

export interface TimedStep<Step> {
  readonly step: Step;
  /** Positions in one order of all calls and returns. */
  readonly start: number;
  readonly end: number;
  /** False: it may not have happened. */
  readonly certain: boolean;
  /** For messages. */
  readonly label: string;
}

interface Configuration<State> {
  readonly state: State;
  /** Operations under way that have taken effect. */
  readonly done: ReadonlySet<number>;
}

/**
 * The first step that fits no order, with the states that were possible before it; undefined: all
 * is well.
 */
export function findViolation<Step, State extends string>(
  history: readonly TimedStep<Step>[],
  initial: State,
  apply: (step: Step, state: State) => State | undefined,
): { readonly step: TimedStep<Step>; readonly possible: readonly State[] } | undefined {
  const instants = history.flatMap((step, index) => [
    { at: step.start, index, returns: false },
    { at: step.end, index, returns: true },
  ]);
  instants.sort((a, b) => a.at - b.at || Number(a.returns) - Number(b.returns));
  const underWay = new Set<number>();
  const isOptional = (index: number): boolean => !history[index]!.certain;
  let possible: Configuration<State>[] = [{ state: initial, done: new Set() }];
  for (const { index, returns } of instants) {
    const step = history[index]!;
    if (!returns) {
      underWay.add(index);
      continue;
    }
    const before = possible;
    const reached = new Frontier<State>(isOptional);
    reached.close(possible, underWay, (at, state) => apply(history[at]!.step, state));
    const kept = new Frontier<State>(isOptional);
    for (const { state, done } of reached.all()) {
      if (!step.certain || done.has(index)) kept.add({ state, done: without(done, index) });
    }
    possible = kept.all();
    underWay.delete(index);
    if (possible.length === 0) {
      return { step, possible: [...new Set(before.map(({ state }) => state))] };
    }
  }
  return undefined;
}

/**
 * Configurations, less those that another makes needless: in the same state, with the same done
 * except for operations that may never happen, which that other one has yet to use.
 */
class Frontier<State extends string> {
  readonly #isOptional: (index: number) => boolean;
  /** By the state and what is done for certain; the others as sets of optional operations. */
  readonly #groups = new Map<string, Configuration<State>[]>();

  constructor(isOptional: (index: number) => boolean) {
    this.#isOptional = isOptional;
  }

  all(): Configuration<State>[] {
    return [...this.#groups.values()].flat();
  }

  /** False where it is needless. */
  add(next: Configuration<State>): boolean {
    const certain = [...next.done].filter((index) => !this.#isOptional(index));
    const key = `${next.state}|${certain.sort((a, b) => a - b).join()}`;
    const group = this.#groups.get(key) ?? [];
    if (group.some(({ done }) => done.isSubsetOf(next.done))) return false;
    const left = group.filter(({ done }) => !next.done.isSubsetOf(done));
    this.#groups.set(key, [...left, next]);
    return true;
  }

  /** Adds these, and all that can be reached by letting operations under way take effect. */
  close(
    from: readonly Configuration<State>[],
    underWay: ReadonlySet<number>,
    apply: (index: number, state: State) => State | undefined,
  ): void {
    const open = [...from];
    // First come, first served: the fewer have taken effect, the more others are needless.
    for (let at = 0; at < open.length; at++) {
      const next = open[at]!;
      if (!this.add(next)) continue;
      for (const index of underWay) {
        if (next.done.has(index)) continue;
        const state = apply(index, next.state);
        if (state !== undefined) open.push({ state, done: new Set(next.done).add(index) });
      }
    }
  }
}

function without(set: ReadonlySet<number>, index: number): ReadonlySet<number> {
  if (!set.has(index)) return set;
  const out = new Set(set);
  out.delete(index);
  return out;
}
