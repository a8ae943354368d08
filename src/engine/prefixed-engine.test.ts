import assert from "node:assert/strict";
import { test } from "node:test";
import { testEngine } from "./engine.suite.ts";
import { createMemoryEngine } from "./memory-engine.ts";
import { prefixedEngine } from "./prefixed-engine.ts";
import { ChangeMaker, allRows, asText, bytesOf } from "./suite/rows.suite.ts";

testEngine(
  "behind a prefix",
  async () => {
    const engine = prefixedEngine(createMemoryEngine(), bytesOf("prefix"));
    return { engine, dispose: () => engine.close() };
  },
  {
    modelRuns: 100,
    unknown: { missing: "it passes on what the engine answers" },
  },
);

test("engines behind two prefixes do not see each other's rows, in whatever engine they are", async () => {
  const changes = new ChangeMaker();
  const whole = createMemoryEngine();
  const [a, b] = [prefixedEngine(whole, bytesOf("a")), prefixedEngine(whole, bytesOf("b"))];
  const key = bytesOf("k");
  await a.commit(changes.put({ key, value: bytesOf("1") }));
  const absent = changes.change({
    checks: [{ key, expect: "absent" }],
    puts: [{ key, value: bytesOf("2") }],
  });
  assert.deepEqual(await b.commit(absent), { outcome: "ok" });
  await a.commit(changes.change({ deletes: [key] }));
  assert.deepEqual([asText(await allRows(a)), asText(await allRows(b))], [[], ["k=2"]]);
  assert.deepEqual(asText(await allRows(whole)), ["bk=2"]);
});
