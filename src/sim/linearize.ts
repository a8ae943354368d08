/*
 * Is there an order of the operations, each at one instant between its call and its return, in
 * which every answer is right?
 *
 * The search for such an order walks the history in time. Nothing has to take effect before some
 * operation returns: then that one has to, perhaps after others that are under way. A configuration
 * is how far the walk has come, the state, and which of the operations under way have taken effect.
 * The search goes on from the configuration found last, and back to earlier ones where it ends;
 * none is looked at twice. Where all have ended, the history is not linearizable. An operation that
 * was cut off (its process died) may have happened before its end, or never.
 *
 * After Gavin Lowe, "Testing for linearizability" (2017): taking effect just in time, and
 * remembering configurations, as a set of operations and a state.
 *
 * The number of configurations may grow with the factorial of what overlaps, so the search has a
 * bound, and what it could not decide is neither right nor wrong. It is kept small by leaving out
 * configurations that another makes needless:
 * - A read that fits takes effect at once.
 * - An operation that may never happen is left alone where it changes nothing, or where an equal
 *   one that returns earlier can be had.
 * - A configuration is not needed next to one in the same state that differs only in operations
 *   that may never happen, which that other one has yet to use.
 */

export interface TimedStep<Step> {
  readonly step: Step;
  /** Positions in one order of all calls and returns. */
  readonly start: number;
  readonly end: number;
  /** False: it may not have happened. */
  readonly certain: boolean;
  /** The step's name, for messages. */
  readonly label: string;
}

export type Verdict<Step, State> =
  | { readonly kind: "linearizable" }
  /** The first step that fits no order, with the states that were possible before it. */
  | {
      readonly kind: "violation";
      readonly step: TimedStep<Step>;
      readonly possible: readonly State[];
    }
  /** The search came to its bound. */
  | { readonly kind: "undecided" };

export interface Model<Step, State> {
  readonly initial: State;
  /** Undefined: the step cannot happen in this state. */
  readonly apply: (step: Step, state: State) => State | undefined;
  /** True if the step changes no state in which it can happen. */
  readonly isRead: (step: Step) => boolean;
}

export function findOrder<Step, State extends string>(
  history: readonly TimedStep<Step>[],
  model: Model<Step, State>,
  configurationsMax: number,
): Verdict<Step, State> {
  return new Search(history, model).run(configurationsMax);
}

/** The numbers of all steps that are under way at a moment have a bit each. */
type StepSet = bigint;
type StateNumber = number;

/** A return: nothing can happen between two of these that could not happen at the later one. */
interface Moment {
  readonly index: number;
  /** Operations under way then, too; what is to take effect first comes last. */
  readonly others: readonly number[];
  /** The bits of steps under way that must happen. */
  readonly certain: StepSet;
  /** Operations among them that only read. */
  readonly reads: readonly number[];
}

interface Configuration {
  /** The moment that comes next. */
  readonly at: number;
  readonly state: StateNumber;
  /** Steps under way that have taken effect. */
  readonly done: StepSet;
  /** How many steps have taken effect, until now, that need not have. */
  readonly optional: number;
}

class Search<Step, State extends string> {
  readonly #history: readonly TimedStep<Step>[];
  readonly #bits: readonly StepSet[];
  readonly #moments: readonly Moment[];
  /** Steps of one number are equal. */
  readonly #classes: readonly number[];
  readonly #states: States<Step, State>;
  /** The optional steps done, by moment, state and which of the necessary steps are done. */
  readonly #visited = new Map<string, StepSet[]>();
  /** Sorted by how many optional steps took effect: fewest first, the newest of them first. */
  readonly #open: Configuration[][];
  #furthest = -1;
  #possible = new Set<StateNumber>();

  constructor(history: readonly TimedStep<Step>[], model: Model<Step, State>) {
    const instants = instantsOf(history);
    this.#history = history;
    this.#bits = bitsOf(instants);
    this.#moments = momentsOf(history, instants, this.#bits, model);
    this.#classes = classesOf(history);
    this.#states = new States(history, model);
    this.#open = [[{ at: 0, state: 0, done: 0n, optional: 0 }]];
  }

  run(configurationsMax: number): Verdict<Step, State> {
    let configurations = 0;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (++configurations > configurationsMax) return { kind: "undecided" };
      if (this.#walk(next)) return { kind: "linearizable" };
    }
    const { index } = this.#moments[this.#furthest]!; // where the history is empty, it is fine
    const possible = [...this.#possible].map((state) => this.#states.text(state));
    return { kind: "violation", step: this.#history[index]!, possible };
  }

  #next(): Configuration | undefined {
    return this.#open.find((some) => some.length > 0)?.pop();
  }

  #add(next: Configuration): void {
    (this.#open[next.optional] ??= []).push(next);
  }

  /** Goes on to where there is a choice, and opens all that it leads to; true at the end. */
  #walk({ at, state, done, optional }: Configuration): boolean {
    for (; at < this.#moments.length; at++) {
      const moment = this.#moments[at]!;
      const bit = this.#bits[moment.index]!;
      if ((done & bit) === 0n) {
        done = this.#withReads(moment, state, done);
        if ((done & bit) === 0n) {
          this.#choose({ at, state, done, optional }, moment);
          return false;
        }
      }
      done &= ~bit;
    }
    return true;
  }

  #withReads({ reads }: Moment, state: StateNumber, done: StepSet): StepSet {
    for (const read of reads) {
      if (this.#states.after(read, state) !== undefined) done |= this.#bits[read]!;
    }
    return done;
  }

  /** The step of this moment takes effect, perhaps after others, or never where it need not. */
  #choose(from: Configuration, { index, others, certain }: Moment): void {
    const { at, state, done, optional } = from;
    this.#noteReached(at, state);
    if (this.#isNeedless(from, certain)) return;
    const isOptional = (one: number): boolean => (this.#bits[one]! & certain) === 0n;
    // Among equal steps the one that ends first is offered, which is this moment's own step.
    const offered = new Set(isOptional(index) ? [this.#classes[index]!] : []);
    for (const one of [...others, index]) {
      const bit = this.#bits[one]!;
      const next = (done & bit) === 0n ? this.#states.after(one, state) : undefined;
      if (next === undefined) continue;
      if (!isOptional(one)) this.#add({ at, state: next, done: done | bit, optional });
      else if (next !== state && (one === index || !offered.has(this.#classes[one]!))) {
        offered.add(this.#classes[one]!);
        this.#add({ at, state: next, done: done | bit, optional: optional + 1 });
      }
    }
    if (isOptional(index)) this.#add({ ...from, at: at + 1 });
  }

  #isNeedless({ at, state, done }: Configuration, certain: StepSet): boolean {
    const key = `${at} ${state} ${done & certain}`;
    const used = done & ~certain;
    const before = this.#visited.get(key);
    if (before === undefined) this.#visited.set(key, [used]);
    else if (before.some((one) => (one & ~used) === 0n)) return true;
    else before.push(used);
    return false;
  }

  #noteReached(at: number, state: StateNumber): void {
    if (at < this.#furthest) return;
    if (at > this.#furthest) this.#possible = new Set();
    this.#furthest = at;
    this.#possible.add(state);
  }
}

/** States by numbers, so that they are cheap to compare, and what each step makes of each. */
class States<Step, State extends string> {
  readonly #history: readonly TimedStep<Step>[];
  readonly #apply: Model<Step, State>["apply"];
  readonly #texts: State[];
  readonly #numbers: Map<State, StateNumber>;
  readonly #after: readonly Map<StateNumber, StateNumber | undefined>[];

  constructor(history: readonly TimedStep<Step>[], { initial, apply }: Model<Step, State>) {
    this.#history = history;
    this.#apply = apply;
    this.#texts = [initial];
    this.#numbers = new Map([[initial, 0]]);
    this.#after = history.map(() => new Map());
  }

  text(state: StateNumber): State {
    return this.#texts[state]!;
  }

  after(index: number, state: StateNumber): StateNumber | undefined {
    const known = this.#after[index]!;
    if (known.has(state)) return known.get(state);
    const text = this.#apply(this.#history[index]!.step, this.text(state));
    const next = text === undefined ? undefined : this.#numberOf(text);
    known.set(state, next);
    return next;
  }

  #numberOf(text: State): StateNumber {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.#texts.length);
    return this.#texts.push(text) - 1;
  }
}

interface Instant {
  readonly at: number;
  readonly index: number;
  readonly returns: boolean;
}

/** Calls and returns in their order; what begins as another ends overlaps it. */
function instantsOf(history: readonly TimedStep<unknown>[]): Instant[] {
  const instants = history.flatMap((step, index) => [
    { at: step.start, index, returns: false },
    { at: step.end, index, returns: true },
  ]);
  return instants.sort((a, b) => a.at - b.at || Number(a.returns) - Number(b.returns));
}

/** A bit for each step, free again for another once it has returned. */
function bitsOf(instants: readonly Instant[]): StepSet[] {
  const bits: StepSet[] = [];
  const free: StepSet[] = [];
  let used = 0n;
  for (const { index, returns } of instants) {
    if (returns) free.push(bits[index]!);
    else bits[index] = free.pop() ?? 1n << used++;
  }
  return bits;
}

function momentsOf<Step>(
  history: readonly TimedStep<Step>[],
  instants: readonly Instant[],
  bits: readonly StepSet[],
  { isRead }: Pick<Model<Step, never>, "isRead">,
): Moment[] {
  const underWay = new Set<number>();
  const moments: Moment[] = [];
  for (const { index, returns } of instants) {
    if (!returns) {
      underWay.add(index);
      continue;
    }
    const all = [...underWay];
    const isCertain = (one: number): boolean => history[one]!.certain;
    const certain = all.filter(isCertain).reduce((set, one) => set | bits[one]!, 0n);
    const reads = all.filter((one) => isCertain(one) && isRead(history[one]!.step));
    const byEnd = (a: number, b: number): number => history[a]!.end - history[b]!.end || a - b;
    const others = all.filter((one) => one !== index).sort(byEnd);
    // Steps that need not happen are offered earliest end first, and tried last.
    const optional = others.filter((one) => !isCertain(one));
    const sorted = [...optional, ...others.filter(isCertain).reverse()];
    moments.push({ index, others: sorted, certain, reads });
    underWay.delete(index);
  }
  return moments;
}

function classesOf(history: readonly TimedStep<unknown>[]): number[] {
  const numbers = new Map<string, number>();
  return history.map(({ step }) => {
    const text = JSON.stringify(step);
    const number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    return number;
  });
}
