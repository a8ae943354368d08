import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { HoldfastServer } from "../holdfast-server.ts";
import { HistoryRun } from "./history-run.ts";
import { judgeHistory } from "./judge-history.ts";
import type { Observation, SeenStep } from "./observation.ts";
import { etagOf } from "./values.ts";

/** Steps and what else they tell. */
const seenMin = 2000;

test("C2: answers of several workers to clients in several processes are linearizable", async () => {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-history-"));
  const server = await HoldfastServer.start([folder], { workers: 2 });
  try {
    const run = await HistoryRun.start(server.endpoint, { processes: 2, clients: 4 });
    await run.until(seenMin);
    const { versions, unsure } = await run.finish();
    assert.ok(versions > 10, `${versions} versions`);
    assert.equal(unsure, 0);
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

const target = "bucket/key";

/** Steps one after the other. */
function inTurn(steps: readonly SeenStep[], facts: readonly Observation[] = []): Observation[] {
  const seen = steps.map((step, i): Observation => {
    const place = step.kind === "versioningSet" ? "bucket/*" : target;
    const at = { start: 10 * i, end: 10 * i + 5, certain: true };
    return { kind: "step", target: place, step, ...at, label: `#${i}` };
  });
  return [...seen, ...facts];
}

const write = (value: string): SeenStep => {
  return { kind: "write", value, condition: { kind: "always" } };
};
const idOf = (name: string): Observation => {
  return { kind: "version", target, id: `id of ${name}`, name };
};
const listed = (...names: string[]): SeenStep => {
  const versions = names.map((name) => ({ id: `id of ${name}`, etag: etagOf(name) }));
  return { kind: "versionsListed", versions };
};
const enabled: SeenStep = { kind: "versioningSet", versioning: "enabled" };

test("judged histories: versions are known by what any client learned of their ids", () => {
  const steps = [enabled, write("20-a"), write("20-b")];
  const facts = [idOf("20-a"), idOf("20-b")];
  const { versions } = judgeHistory(inTurn([...steps, listed("20-b", "20-a")], facts));
  assert.equal(versions, 2);
  const wrong = inTurn([...steps, listed("20-a", "20-b")], facts);
  assert.throws(() => judgeHistory(wrong), /C2: not linearizable: bucket\/key: #3/);
});

test("judged histories: a version whose id is not known is known by its ETag", () => {
  const steps = [enabled, write("20-a"), write("20-b")];
  judgeHistory(inTurn([...steps, listed("20-b", "20-a")]));
  assert.throws(() => judgeHistory(inTurn([...steps, listed("20-b", "20-c")])), /not linearizable/);
});

test("judged histories: an id stands for one version, and a complaint is a failure", () => {
  const twice: Observation = { kind: "version", target, id: "id of 20-a", name: "20-b" };
  assert.throws(() => judgeHistory([idOf("20-a"), twice]), /version id of 20-a was 20-a, then/);
  const complaint: Observation = { kind: "complaint", complaint: "C4: wrong bytes" };
  assert.throws(() => judgeHistory([complaint]), /wrong bytes/);
});
