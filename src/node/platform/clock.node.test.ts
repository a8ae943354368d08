import assert from "node:assert/strict";
import { test } from "node:test";
import { createClock } from "./clock.ts";

const clock = createClock();
const longMs = 60 * 24 * 60 * 60 * 1000;

test("sleep lasts as long as asked", async () => {
  const start = clock.monotonicMs();
  await clock.sleep(20);
  assert.ok(clock.monotonicMs() - start >= 19);
});

test("sleep: it ends without an error when its signal aborts, and removes its listener", async () => {
  const controller = new AbortController();
  const sleeping = clock.sleep(longMs, controller.signal);
  controller.abort();
  await sleeping;
  await clock.sleep(longMs, controller.signal);
});

test("a sleep longer than a timer can be does not end at once", async () => {
  const controller = new AbortController();
  let ended = false;
  const sleeping = clock.sleep(longMs, controller.signal).then(() => (ended = true));
  await clock.sleep(5);
  assert.equal(ended, false);
  controller.abort();
  await sleeping;
});
