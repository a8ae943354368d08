import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createHash } from "../node/platform/hash.ts";
import { operationsMin, runSeed } from "./run.ts";

const host = { turn: () => setImmediate(), hash: createHash() };

/** Seeds of fleets from there on, until all was seen that is to be. */
const fleetSeeds = { first: 1003, step: 4, most: 20 };

/** Seeds whose stores keep what was freed. */
const windowSeeds = { first: 10_060, step: 20, most: 5 };

// Few seeds, for `npm test` is run all the time: test/simulation.ts runs many.
test("simulation: a seed run twice ends alike, event by event; another differs", async () => {
  const first = await runSeed(1, host);
  assert.deepEqual(await runSeed(1, host), first);
  assert.ok(first.operations >= operationsMin, `${first.operations} operations`);
  assert.ok(first.crashes >= 1, "no crash");
  assert.notEqual((await runSeed(2, host)).traceHash, first.traceHash);
});

// A soak runs thousands of seeds in one process.
test("simulation: a run that is over leaves nothing of its machine in memory", async () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage: unknown = runInNewContext("gc");
  assert.ok(typeof collectGarbage === "function");
  // What a collection finds is freed by another thread, which may come late.
  const bytesHeld = async (most: number): Promise<number> => {
    for (let collections = 0; ; collections++) {
      collectGarbage();
      await setImmediate();
      const bytes = process.memoryUsage().arrayBuffers;
      if (bytes <= most || collections === 100) return bytes;
    }
  };
  await runSeed(1, host);
  const before = await bytesHeld(0);
  await runSeed(1, host);
  const held = (await bytesHeld(before)) - before;
  assert.ok(held < 100_000, `${held} bytes`);
});

test("simulation: the index of a fleet is restored to a moment of its run, and what was there is read", async () => {
  const { first, step, most } = windowSeeds;
  let isRestored = false;
  for (let seed = first; !isRestored && seed < first + step * most; seed += step) {
    ({ isRestored } = await runSeed(seed, host));
  }
  assert.ok(isRestored);
});

test("simulation: in fleets extents are encoded, at rest or while written, and members made again", async () => {
  const { first, step, most } = fleetSeeds;
  const events = ["extent_encoded", "member_made", "disk_scrubbed", "disk_changed"];
  const missing = new Set([...events, "front end: commit extent open coded"]);
  for (let seed = first; missing.size > 0 && seed < first + step * most; seed += step) {
    const { logged, points } = await runSeed(seed, host);
    for (const name of [...logged.keys(), ...points.keys()]) missing.delete(name);
  }
  assert.deepEqual([...missing], []);
});
