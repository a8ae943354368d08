import assert from "node:assert/strict";
import { test } from "node:test";
import { inPhase, phaseNames, RequestPhases } from "./request-phases.ts";

function create() {
  let now = 1000;
  const time = () => now;
  const none = () => Promise.resolve();
  const clock = { now: time, monotonicMs: time, sleep: none, turn: none };
  const phases = new RequestPhases(clock);
  return { phases, pass: (ms: number) => void (now += ms) };
}

test("phases: each moment is in one phase, and they add up to the whole", async () => {
  const { phases, pass } = create();
  pass(1);
  phases.enter("work");
  pass(2);
  phases.wait("body");
  pass(4);
  phases.waited();
  pass(8);
  await assert.rejects(
    inPhase(phases, "commit", () => {
      pass(16);
      return Promise.reject(new Error("refused"));
    }),
  );
  phases.enter("send");
  pass(32);
  assert.equal(phases.end(), 63);
  const { auth, work, body, commit, send } = phases.spentMs();
  assert.deepEqual([auth, work, body, commit, send], [1, 10, 4, 16, 32]);
  const spent = phaseNames.map((name) => phases.spentMs()[name]);
  assert.equal(
    spent.reduce((sum, ms) => sum + ms),
    63,
  );
});

test("phases: several waits at once end where the last of them does, in any order", () => {
  const { phases, pass } = create();
  phases.enter("work");
  phases.wait("commit");
  pass(1);
  phases.wait("write");
  pass(2);
  phases.waited();
  pass(4);
  assert.equal(phases.current, "write");
  phases.enter("send");
  assert.equal(phases.current, "write");
  phases.waited();
  assert.equal(phases.current, "send");
  assert.deepEqual([phases.spentMs().commit, phases.spentMs().write], [1, 6]);
});

test("phases: without a request, a task is just done", async () => {
  assert.equal(await inPhase(undefined, "read", () => Promise.resolve(7)), 7);
});
