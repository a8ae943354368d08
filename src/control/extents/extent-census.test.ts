import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../../node/platform/hash.ts";
import { ExtentCensus } from "./extent-census.ts";
import { makeBucket, putChunks, remove } from "../testing/objects.ts";
import { createTestMachine, tasksOf } from "../testing/processes.ts";

const hash = createHash();

test("census: counts extents by state, their bytes alive and dead, and the garbage that waits", async () => {
  const machine = await createTestMachine(hash);
  const front = await machine.start("front-end");
  await makeBucket(front);
  for (let i = 0; i < 6; i++) await putChunks(front, `key ${i}`, ["x".repeat(1000)]);
  for (let i = 0; i < 3; i++) await remove(front, `key ${i}`);
  await front.stop();
  const background = await machine.start("background");
  const { clock } = machine.platform;
  const census = new ExtentCensus({ ...background, disks: machine.disks, clock });
  const count = async () => {
    await clock.advance(10_000);
    while ((await census.step()) === "busy");
    return census.last;
  };
  assert.equal(census.last, undefined);
  const before = await count();
  assert.equal(before?.garbageRows, 3);
  assert.equal(before?.deadBytes, 0);
  assert.ok((before?.bytes ?? 0) > 6000);
  assert.deepEqual(before?.extents, { ...before?.extents, open: 0, reconciled: 0 });
  assert.ok((before?.extents.sealed ?? 0) + (before?.extents.settled ?? 0) >= 3);

  await tasksOf(machine, background).runUntilIdle();
  assert.equal((await census.step()) === "idle" && census.last, before); // not yet time
  const after = await count();
  assert.equal(after?.garbageRows, 0);
  assert.deepEqual([after?.extents.reconciled, after?.extents.dropping], [3, 3]);
  assert.equal(after?.deadBytes, (after?.bytes ?? 0) / 2);
});
