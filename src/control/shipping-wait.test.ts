import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../extent/testing/manual-clock.ts";
import { createHash } from "../node/platform/hash.ts";
import { ShippingWait } from "./shipping-wait.ts";

function create() {
  const logged: string[] = [];
  const platform = {
    clock: new ManualClock(),
    hash: createHash(),
    log: (_level: string, event: string) => void logged.push(event),
  };
  const at = { committed: 7, sequence: 5, lagMs: 1000 };
  const shipping = {
    get statistics() {
      return { target: "/shipped", behind: 0, bytes: 0, ...at };
    },
    committedNow: () => Promise.resolve(at.committed),
  };
  return { at, logged, wait: new ShippingWait({ platform, shipping }) };
}

test("C9: what was freed waits for the commits that there were by then, and no later ones", async () => {
  const { at, wait } = create();
  assert.equal(await wait.isOver("a", 100), false);
  at.committed = 12;
  assert.equal(await wait.isOver("b", 30), false);
  assert.deepEqual(wait.statistics, { bytes: 130, isGivenUp: false });
  at.sequence = 7;
  assert.equal(await wait.isOver("b", 30), false);
  assert.equal(await wait.isOver("a", 100), true);
  assert.deepEqual(wait.statistics, { bytes: 30, isGivenUp: false });
  // It is asked again while a read holds it up.
  at.committed = 50;
  assert.equal(await wait.isOver("a", 100), true);
  wait.forget("a");
  assert.equal(await wait.isOver("a", 100), false, "something else is freed by then");
});

test("C6, C8: what waits for shipping is limited in time, and that is shown", async () => {
  const { at, logged, wait } = create();
  assert.equal(await wait.isOver("a", 100), false);
  at.lagMs = 3_600_001;
  assert.equal(await wait.isOver("a", 100), true);
  assert.deepEqual(wait.statistics, { bytes: 0, isGivenUp: true });
  assert.equal(await wait.isOver("b", 100), true);
  assert.deepEqual(logged, ["freed_before_it_is_shipped"]);
  at.lagMs = 0;
  assert.equal(await wait.isOver("a", 100), false);
});

test("C6: so many files wait at a time; others wait until some of those are over", async () => {
  const { at, wait } = create();
  for (let i = 0; i < 65_536; i++) await wait.isOver(`${i}`, 1);
  assert.equal(await wait.isOver("one more", 1), false);
  assert.equal(wait.statistics?.bytes, 65_536);
  [at.sequence, at.committed] = [7, 8];
  assert.equal(await wait.isOver("one more", 1), false);
  assert.equal(wait.statistics?.bytes, 1);
});
