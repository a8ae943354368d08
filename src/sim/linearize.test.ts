import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeyState, KeyStep } from "./key-state.ts";
import { absent, applyStep, noBucket } from "./key-state.ts";
import type { TimedStep } from "./linearize.ts";
import { findViolation } from "./linearize.ts";

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
  const found = findViolation<KeyStep, KeyState>(history, absent, (step, state) =>
    applyStep(step, state, (value) => `etag of ${value}`),
  );
  return found?.step.label ?? "fine";
}

test("linearizability: a read after an acknowledged write sees it", () => {
  assert.equal(
    check([
      [write("a"), 1, 2],
      [read("a"), 3, 4],
    ]),
    "fine",
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
    "fine",
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
  assert.equal(check([cut, [read("a"), 5, 6]]), "fine");
  assert.equal(check([cut, [read(absent), 5, 6]]), "fine");
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
    "fine",
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
    "fine",
  );
});
