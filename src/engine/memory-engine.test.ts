import assert from "node:assert/strict";
import { test } from "node:test";
import { testEngine } from "./engine.suite.ts";
import { createMemoryEngine } from "./memory-engine.ts";
import { ChangeMaker, allRows, asText, bytesOf } from "./suite/rows.suite.ts";

testEngine(
  "in memory",
  async () => {
    const engine = createMemoryEngine();
    return { engine, dispose: () => engine.close() };
  },
  {
    modelRuns: 300,
    unknown: { missing: "it always knows; the simulator's wrapper is tested there" },
  },
);

test("a clone of a memory engine goes its own way, and outlives the first", async () => {
  const changes = new ChangeMaker();
  const first = createMemoryEngine();
  await first.commit(changes.put({ key: bytesOf("a"), value: bytesOf("1") }));
  const second = first.clone();
  await first.commit(changes.change({ deletes: [bytesOf("a")] }));
  await second.commit(changes.put({ key: bytesOf("b"), value: bytesOf("2") }));
  assert.deepEqual(asText(await allRows(first)), []);
  await first.close();
  assert.deepEqual(asText(await allRows(second)), ["a=1", "b=2"]);
});
