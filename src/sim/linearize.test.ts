import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeyState, KeyStep } from "./key-state.ts";
import { absent, applyStep, emptyKey, isRead, noBucket } from "./key-state.ts";
import type { TimedStep } from "./linearize.ts";
import { findOrder } from "./linearize.ts";

const configurationsMax = 10_000;
const always = { kind: "always" } as const;
const write = (value: string): KeyStep => ({ kind: "write", value, condition: always });
const read = (value: string): KeyStep => ({ kind: "read", value });
const create = (value: string): KeyStep => ({
  kind: "write",
  value,
  condition: { kind: "ifAbsent" },
});

function check(steps: [KeyStep, number, number, "cut"?][]): string {
  const history = steps.map(([step, start, end, cut], i): TimedStep<KeyStep> => {
    return { step, start, end, certain: cut === undefined, label: `#${i}` };
  });
  const apply = (step: KeyStep, state: KeyState) =>
    applyStep(step, state, (value) => `etag of ${value}`);
  const verdict = findOrder(history, { initial: emptyKey, apply, isRead }, configurationsMax);
  return verdict.kind === "violation" ? verdict.step.label : verdict.kind;
}

test("linearizability: a read after an acknowledged write sees it", () => {
  assert.equal(
    check([
      [write("a"), 1, 2],
      [read("a"), 3, 4],
    ]),
    "linearizable",
  );
  assert.equal(
    check([
      [write("a"), 1, 2],
      [read(absent), 3, 4],
    ]),
    "#1",
  );
});

test("linearizability: reads that overlap a write see either, but never go back", () => {
  assert.equal(
    check([
      [write("a"), 1, 10],
      [read(absent), 2, 3],
      [read("a"), 4, 5],
    ]),
    "linearizable",
  );
  assert.equal(
    check([
      [write("a"), 1, 10],
      [read("a"), 2, 3],
      [read(absent), 4, 5],
    ]),
    "#2",
  );
});

test("linearizability: a write that was cut off happened or not, but only until then", () => {
  const cut: [KeyStep, number, number, "cut"] = [write("a"), 1, 4, "cut"];
  assert.equal(check([cut, [read("a"), 5, 6]]), "linearizable");
  assert.equal(check([cut, [read(absent), 5, 6]]), "linearizable");
  assert.equal(check([cut, [read(absent), 5, 6], [read("a"), 7, 8]]), "#2");
});

test("linearizability: of racing creators one wins", () => {
  assert.equal(
    check([
      [create("a"), 1, 5],
      [create("b"), 2, 6],
    ]),
    "#1",
  );
  const failed: KeyStep = { kind: "conditionFailed", condition: { kind: "ifAbsent" } };
  assert.equal(
    check([
      [create("a"), 1, 5],
      [failed, 2, 6],
    ]),
    "linearizable",
  );
});

test("linearizability: a bucket that is gone takes no writes, and goes only when the key is absent", () => {
  assert.equal(
    check([
      [{ kind: "bucketDeleted" }, 1, 2],
      [write("a"), 3, 4],
    ]),
    "#1",
  );
  assert.equal(
    check([
      [write("a"), 1, 2],
      [{ kind: "bucketDeleted" }, 3, 4],
    ]),
    "#1",
  );
  assert.equal(
    check([
      [{ kind: "bucketDeleted" }, 1, 2],
      [read(noBucket), 3, 4],
      [{ kind: "bucketMade" }, 5, 6],
      [write("a"), 7, 8],
    ]),
    "linearizable",
  );
});

const remove = (marker: string): KeyStep => {
  return { kind: "write", value: absent, condition: always, marker };
};
const versioning = (state: "enabled" | "suspended"): KeyStep => {
  return { kind: "versioningSet", versioning: state };
};
const listed = (...names: (string | { marker: string } | { null: string })[]): KeyStep => {
  const versions = names.map((one) => {
    if (typeof one === "string") return { name: one, isNull: false, etag: `etag of ${one}` };
    if ("marker" in one) return { name: one.marker, isNull: false, etag: undefined };
    return { name: undefined, isNull: true, etag: `etag of ${one.null}` };
  });
  return { kind: "versionsListed", versions };
};
/** One after the other. */
const inTurn = (...steps: KeyStep[]): string =>
  check(steps.map((step, i) => [step, 2 * i, 2 * i + 1]));

test("linearizability: versions are listed in the order of the writes, the null version once", () => {
  const history = [write("a"), versioning("enabled"), write("b"), remove("m")] as const;
  assert.equal(inTurn(...history, listed({ marker: "m" }, "b", { null: "a" })), "linearizable");
  assert.equal(inTurn(...history, listed("b", { marker: "m" }, { null: "a" })), "#4");
  assert.equal(inTurn(...history, listed({ marker: "m" }, "b")), "#4");
  const suspended = [...history, versioning("suspended"), write("c")] as const;
  assert.equal(inTurn(...suspended, listed({ null: "c" }, { marker: "m" }, "b")), "linearizable");
  assert.equal(inTurn(...suspended, listed({ null: "c" }, { marker: "m" }, "b", "a")), "#6");
  const another: KeyStep = { kind: "write", value: "d", condition: always, isNull: true };
  assert.equal(inTurn(...suspended, another), "linearizable");
  assert.equal(inTurn(...history, another), "#4");
});

test("linearizability: a marker counts as absent; a version is there until it is removed", () => {
  const history = [versioning("enabled"), create("a"), remove("m"), read(absent)] as const;
  const there: KeyStep = { kind: "versionRead", version: { name: "a" }, value: "a" };
  const gone: KeyStep = { ...there, value: absent };
  const removed: KeyStep = { kind: "versionRemoved", version: { name: "a" } };
  assert.equal(inTurn(...history, create("b"), there, removed, gone), "linearizable");
  assert.equal(inTurn(...history, gone), "#4");
  assert.equal(inTurn(...history, removed, there), "#5");
  const aMarker: KeyStep = { kind: "versionRead", version: { name: "m" }, value: undefined };
  assert.equal(inTurn(...history, aMarker), "linearizable");
  assert.equal(inTurn(...history, { ...aMarker, version: { name: "a" } }), "#4");
  const marker: KeyStep = { kind: "versionRemoved", version: { name: "m" } };
  assert.equal(inTurn(...history, marker, read("a")), "linearizable");
});

test("linearizability: a write acts by the versioning that was acknowledged before it", () => {
  const always = { kind: "always" } as const;
  const enabled: KeyStep = { kind: "write", value: "a", condition: always, isNull: false };
  const late: KeyStep = { ...enabled, isNull: true };
  assert.equal(inTurn(versioning("enabled"), enabled), "linearizable");
  assert.equal(inTurn(versioning("enabled"), late), "#1");
  const meanwhile: [KeyStep, number, number] = [late, 0, 3];
  assert.equal(check([meanwhile, [versioning("enabled"), 1, 2]]), "linearizable");
});

test("linearizability: the null version is whatever was written last without versioning", () => {
  const read = (value: string | undefined): KeyStep => ({
    kind: "versionRead",
    version: "null",
    value,
  });
  const history = [write("a"), versioning("enabled"), write("b")] as const;
  assert.equal(inTurn(...history, read("a")), "linearizable");
  assert.equal(inTurn(...history, read(absent)), "#3");
  const marked = [...history, versioning("suspended"), remove("m")] as const;
  assert.equal(inTurn(...marked, read(undefined)), "linearizable");
  assert.equal(inTurn(...marked, read("a")), "#5");
  assert.equal(inTurn(...history, read(undefined)), "#3");
});

test("linearizability: writes that may happen at any time later, by the dozen", () => {
  const never = 1e9;
  const lost = Array.from({ length: 40 }, (_, i): [KeyStep, number, number, "cut"] => {
    return [i % 4 === 0 ? write(absent) : write(`lost ${i}`), i, never, "cut"];
  });
  const later = (...steps: KeyStep[]): [KeyStep, number, number][] =>
    steps.map((step, i) => [step, 60 + 2 * i, 61 + 2 * i]);
  const own = [write("a"), read("a"), read("lost 5"), read(absent), create("b"), read("lost 7")];
  assert.equal(check([...lost, ...later(...own)]), "linearizable");
  assert.equal(check([...lost, ...later(...own, read("lost 5"))]), "#46");
});

test("linearizability: what cannot be decided within the bound is neither right nor wrong", () => {
  const never = 1e9;
  const lost = Array.from({ length: 12 }, (_, i): [KeyStep, number, number, "cut"] => {
    return [write(`lost ${i}`), i, never, "cut"];
  });
  const own = [versioning("enabled"), read("lost 3"), write("a"), read("lost 4"), read(absent)];
  const later = own.map((step, i): [KeyStep, number, number] => [step, 60 + 2 * i, 61 + 2 * i]);
  assert.equal(check([...lost, ...later]), "undecided");
});
