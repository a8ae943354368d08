import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import { createSimClock, WallClock } from "./clock.ts";
import { SimProcess } from "./process.ts";
import { SeededRandom } from "../platform/seeded-random.ts";
import { Scheduler } from "./scheduler.ts";

const forever = Number.POSITIVE_INFINITY;

function world() {
  const scheduler = new Scheduler(() => setImmediate());
  const process = new SimProcess("p #1", scheduler, new SeededRandom(1));
  const clock = createSimClock(process, scheduler, new WallClock(scheduler, 1_000_000));
  return { scheduler, process, clock };
}

test("scheduler: events fire in order of time, and those of one time in order of asking", async () => {
  const { scheduler } = world();
  const random = new SeededRandom(3);
  const fired: [number, number][] = [];
  for (let i = 0; i < 300; i++) {
    const delay = random.below(20);
    scheduler.after(delay, () => fired.push([delay, i]));
  }
  assert.equal(await scheduler.runUntil(() => false, forever), false);
  assert.deepEqual(
    fired,
    fired.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]),
  );
  assert.equal(fired.length, 300);
});

test("simulated clock: an hour passes at once when everybody waits", async () => {
  const { scheduler, clock } = world();
  let woke = 0;
  void clock.sleep(3_600_000).then(() => {
    woke = clock.now();
  });
  await scheduler.runUntil(() => woke > 0, forever);
  assert.equal(woke, 1_000_000 + 3_600_000);
});

test("simulated clock: a sleep ends early, without a throw, when its signal aborts", async () => {
  const { scheduler, clock } = world();
  const controller = new AbortController();
  let woke = false;
  void clock.sleep(1000, controller.signal).then(() => {
    woke = true;
  });
  scheduler.after(10, () => controller.abort());
  await scheduler.runUntil(() => woke, forever);
  assert.equal(scheduler.nowMs, 10);
});

test("simulated process: while paused it does nothing; resumed, it goes on", async () => {
  const { scheduler, process, clock } = world();
  let steps = 0;
  const work = async () => {
    for (;;) {
      await clock.sleep(10);
      steps++;
    }
  };
  void work();
  scheduler.after(55, () => process.pause());
  scheduler.after(500, () => process.resume());
  await scheduler.runUntil(() => scheduler.nowMs >= 490, 490);
  assert.equal(steps, 5);
  await scheduler.runUntil(() => false, 515);
  assert.equal(steps, 7);
});

test("seeded random: a seed always gives the same numbers, and another seed others", () => {
  const draw = (seed: number) => {
    const random = new SeededRandom(seed);
    return Array.from({ length: 8 }, () => random.uint32());
  };
  assert.deepEqual(draw(5), draw(5));
  assert.notDeepEqual(draw(5), draw(6));
  const random = new SeededRandom(9);
  const counts = Array.from({ length: 10 }, () => 0);
  for (let i = 0; i < 10_000; i++) counts[random.below(10)]!++;
  for (const count of counts) assert.ok(count > 850 && count < 1150, `${counts.join()}`);
});
