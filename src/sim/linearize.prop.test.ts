import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeyState, KeyStep } from "./key-state.ts";
import { absent, applyStep, emptyKey, isRead, noBucket } from "./key-state.ts";
import type { TimedStep } from "./linearize.ts";
import { findOrder } from "./linearize.ts";
import { SeededRandom } from "../platform/seeded-random.ts";

/*
 * The search for an order against one that tries them all, on small histories. Each is made from an
 * order that explains it; then most are falsified, by other times, other answers or steps left out.
 */

const histories = 4000;
const stepsMax = 7;
const etagOf = (value: string): string => `etag of ${value}`;
const apply = (step: KeyStep, state: KeyState): KeyState | undefined =>
  applyStep(step, state, etagOf);
const always = { kind: "always" } as const;

/** All orders that agree with the times, of all that must have happened and any of the rest. */
function hasOrder(left: readonly TimedStep<KeyStep>[], state: KeyState): boolean {
  if (left.every(({ certain }) => !certain)) return true;
  return left.some((next) => {
    const rest = left.filter((one) => one !== next);
    // What ended before this began, and was not chosen before it, never happened.
    const behind = rest.filter(({ end }) => end >= next.start);
    if (rest.some(({ end, certain }) => certain && end < next.start)) return false;
    const after = apply(next.step, state);
    return after !== undefined && hasOrder(behind, after);
  });
}

function pickStep(random: SeededRandom, number: number, state: KeyState): KeyStep {
  const known = `v${random.below(number + 1)}`;
  const condition = random.pick([
    always,
    always,
    always,
    { kind: "ifAbsent" } as const,
    { kind: "ifMatch", etag: etagOf(known) } as const,
  ]);
  const isNull = random.pick([undefined, !state.startsWith("enabled")]);
  const steps: readonly KeyStep[] = [
    { kind: "write", value: `v${number}`, condition, isNull },
    { kind: "write", value: `v${number}`, condition, isNull },
    { kind: "write", value: absent, condition, marker: `m${number}`, isNull },
    { kind: "conditionFailed", condition },
    { kind: "read", value: state === noBucket ? noBucket : random.pick([known, absent]) },
    { kind: "listed", etag: etagOf(known) },
    { kind: "versionRemoved", version: random.pick(["null", { name: known }] as const) },
    { kind: "versionRead", version: { name: known }, value: random.pick([known, absent]) },
    { kind: "versionRead", version: "null", value: random.pick([known, absent, undefined]) },
    { kind: "versioningSet", versioning: random.pick(["enabled", "enabled", "suspended"]) },
    { kind: "bucketSeen" },
    { kind: "bucketMade" },
    { kind: "bucketDeleted" },
    listingOf(state),
    listingOf(state),
  ];
  return random.pick(steps);
}

/** The versions of a state, as it is written. */
function listingOf(state: KeyState): KeyStep {
  const texts = state.slice(state.indexOf(":") + 1).split(",");
  const versions = texts
    .filter((text) => /^[vm]\d/.test(text))
    .map((text) => {
      const name = text.replace(/[~!]/g, "");
      const etag = text.includes("!") ? undefined : etagOf(name);
      return { name, isNull: text.includes("~"), etag };
    });
  return { kind: "versionsListed", versions };
}

/** Steps that happened one after the other, each within a time of its own. */
function explained(random: SeededRandom): TimedStep<KeyStep>[] {
  const steps: TimedStep<KeyStep>[] = [];
  const count = random.between(2, stepsMax);
  const slack = random.pick([1, 8, 20]);
  let state: KeyState = emptyKey;
  for (let number = 0; number < count;) {
    const step = pickStep(random, number, state);
    const after = apply(step, state);
    if (after === undefined) continue;
    const at = 10 * number;
    const [start, end] = [at - random.below(slack), at + random.below(slack)];
    const certain = random.chance(0.75);
    // What may not have happened may also have done so unseen.
    if (certain || random.chance(0.6)) state = after;
    steps.push({
      step,
      start,
      end: certain ? end : end + random.pick([0, 1000]),
      certain,
      label: `#${number}`,
    });
    number++;
  }
  return steps;
}

function falsified(random: SeededRandom, steps: TimedStep<KeyStep>[]): TimedStep<KeyStep>[] {
  const at = random.below(steps.length);
  const one = steps[at]!;
  switch (random.below(4)) {
    case 0:
      return steps;
    case 1:
      return steps.toSpliced(at, 1);
    case 2:
      return steps.with(at, { ...one, end: one.start + random.below(3) });
    default: {
      const step = pickStep(random, at, emptyKey);
      return steps.with(at, { ...one, step });
    }
  }
}

test("linearizability: the search finds an order where trying all of them does, and no other", () => {
  const found = { linearizable: 0, violation: 0, undecided: 0 };
  for (let seed = 1; seed <= histories; seed++) {
    const random = new SeededRandom(seed);
    const history = falsified(random, explained(random));
    const verdict = findOrder(history, { initial: emptyKey, apply, isRead }, 100_000);
    found[verdict.kind]++;
    const expected = hasOrder(history, emptyKey) ? "linearizable" : "violation";
    assert.equal(verdict.kind, expected, `seed ${seed}: ${JSON.stringify(history, undefined, 1)}`);
  }
  assert.ok(found.linearizable > histories / 10, JSON.stringify(found));
  assert.ok(found.violation > histories / 10, JSON.stringify(found));
});
