import assert from "node:assert/strict";
import { test } from "node:test";
import { isStoreError } from "./errors.ts";
import { Limiter } from "./limiter.ts";

/** Tasks that end when the test lets them, in order of their start. */
function gates(limiter: Limiter) {
  const ends: (() => void)[] = [];
  return {
    ends,
    start: (units: number) =>
      limiter.run(units, () => new Promise<void>((resolve) => void ends.push(resolve))),
  };
}

test("C6: tasks beyond a limiter's units wait and start in order of arrival", async () => {
  const { ends, start } = gates(new Limiter({ unitsMax: 10, waitersMax: 9, what: "test" }));
  const tasks = [start(6), start(4), start(7), start(1)];
  await Promise.resolve();
  assert.equal(ends.length, 2, "one of 1 unit does not overtake one of 7");
  ends[0]!();
  await tasks[0];
  assert.equal(ends.length, 2);
  ends[1]!();
  await tasks[1];
  await Promise.resolve();
  assert.equal(ends.length, 4);
  ends[2]!();
  ends[3]!();
  await Promise.all(tasks);
});

test("C6: a task larger than the limiter's limit runs alone", async () => {
  const { ends, start } = gates(new Limiter({ unitsMax: 10, waitersMax: 9, what: "test" }));
  const tasks = [start(99), start(1)];
  await Promise.resolve();
  assert.equal(ends.length, 1);
  ends[0]!();
  await tasks[0];
  await Promise.resolve();
  ends[1]!();
  await tasks[1];
});

test("C6: a task that may not wait is refused, and a failed one gives its units back", async () => {
  const limiter = new Limiter({ unitsMax: 1, waitersMax: 1, what: "test" });
  const { ends, start } = gates(limiter);
  const tasks = [start(1), start(1)];
  let refusal: unknown;
  start(1).catch((error: unknown) => (refusal = error));
  // One that is let in would wait for ever.
  for (let turns = 0; turns < 10; turns++) await Promise.resolve();
  assert.ok(isStoreError(refusal, "overloaded"));
  ends[0]!();
  await tasks[0];
  await Promise.resolve();
  ends[1]!();
  await tasks[1];
  const failing = limiter.run(1, () => Promise.reject(new Error("failed")));
  await assert.rejects(failing, /failed/);
  assert.equal(await limiter.run(1, async () => 5), 5);
});
