import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import { createHash } from "../node/platform/hash.ts";
import { operationsMin, runSeed } from "./run.ts";

const host = { turn: () => setImmediate(), hash: createHash() };

// Few seeds, for `npm test` is run all the time: test/simulation.ts runs many.
test("simulation: a seed run twice ends alike, event by event; another differs", async () => {
  const first = await runSeed(1, host);
  assert.deepEqual(await runSeed(1, host), first);
  assert.ok(first.operations >= operationsMin, `${first.operations} operations`);
  assert.ok(first.crashes >= 1, "no crash");
  assert.notEqual((await runSeed(2, host)).traceHash, first.traceHash);
});
