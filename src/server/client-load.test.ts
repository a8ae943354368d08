import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../extent/testing/manual-clock.ts";
import { ClientLoad } from "./client-load.ts";

function harness() {
  const clock = new ManualClock();
  const busyMs = new Map<string, number>();
  let questions = 0;
  const load = new ClientLoad(clock, (question) => {
    assert.equal(question.kind, "load");
    questions++;
    return Promise.resolve(
      [...busyMs].map(([process, ms]) => ({ process, answer: { busyMs: ms } })),
    );
  });
  /** A second in which the front ends are busy for so long. */
  const second = async (ms: Readonly<Record<string, number>>): Promise<number> => {
    await clock.advance(1000);
    for (const [name, more] of Object.entries(ms)) busyMs.set(name, (busyMs.get(name) ?? 0) + more);
    await load.look();
    return load.share;
  };
  return { load, clock, busyMs, second, questions: () => questions };
}

test("ClientLoad: the part of the time with requests, of all front ends together", async () => {
  const { load, second } = harness();
  assert.equal(load.share, 1); // not known
  await second({ one: 0, two: 0 });
  assert.equal(await second({ one: 0, two: 0 }), 0);
  assert.equal(await second({ one: 100, two: 50 }), 0.15);
  assert.equal(await second({ one: 900, two: 700 }), 1);
});

test("ClientLoad: a front end that begins anew or does not answer counts as busy", async () => {
  const { load, busyMs, second } = harness();
  assert.equal(load.share, 1);
  await second({ one: 500, two: 0 });
  assert.equal(await second({ one: 0, two: 0 }), 0);
  busyMs.set("one", 0);
  assert.equal(await second({ two: 0 }), 1);
  assert.equal(await second({ one: 0, two: 0 }), 0);
  busyMs.delete("two");
  assert.equal(await second({ one: 0 }), 1);
});

test("ClientLoad: nobody is asked while nothing is moved", async () => {
  const { load, clock, second, questions } = harness();
  await second({ one: 0 });
  assert.equal(load.share, 1);
  await clock.advance(6000);
  await load.look();
  const before = questions();
  await load.look();
  assert.equal(questions(), before);
  assert.equal(load.lastKnown, 1);
});
