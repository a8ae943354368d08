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
 * Configurations are few, as only what overlaps counts.
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
  let possible: Configuration<State>[] = [{ state: initial, done: new Set() }];
  for (const { index, returns } of instants) {
    const step = history[index]!;
    if (!returns) {
      underWay.add(index);
      continue;
    }
    const before = possible;
    const reached = closure(possible, underWay, (at, state) => apply(history[at]!.step, state));
    const kept = reached.filter(({ done }) => !step.certain || done.has(index));
    possible = distinct(kept.map(({ state, done }) => ({ state, done: without(done, index) })));
    underWay.delete(index);
    if (possible.length === 0) {
      return { step, possible: [...new Set(before.map(({ state }) => state))] };
    }
  }
  return undefined;
}

/** All configurations that can be reached by letting operations under way take effect. */
function closure<State extends string>(
  from: readonly Configuration<State>[],
  underWay: ReadonlySet<number>,
  apply: (index: number, state: State) => State | undefined,
): Configuration<State>[] {
  const seen = new Map<string, Configuration<State>>();
  const open = [...from];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const key = keyOf(next);
    if (seen.has(key)) continue;
    seen.set(key, next);
    for (const index of underWay) {
      if (next.done.has(index)) continue;
      const state = apply(index, next.state);
      if (state !== undefined) open.push({ state, done: new Set(next.done).add(index) });
    }
  }
  return [...seen.values()];
}

function distinct<State extends string>(
  configurations: readonly Configuration<State>[],
): Configuration<State>[] {
  return [...new Map(configurations.map((one) => [keyOf(one), one])).values()];
}

function keyOf<State extends string>({ state, done }: Configuration<State>): string {
  return `${state}|${[...done].sort((a, b) => a - b).join()}`;
}

function without(set: ReadonlySet<number>, index: number): ReadonlySet<number> {
  if (!set.has(index)) return set;
  const out = new Set(set);
  out.delete(index);
  return out;
}
