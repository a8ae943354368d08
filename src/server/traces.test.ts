import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestEntry } from "../admin/request-entry.ts";
import { createTestPlatform } from "../keymap/testing/test-platform.ts";
import { createHash } from "../node/platform/hash.ts";
import { entriesHeldMax, Traces, tracesMax, unfetchedTraceMsMax } from "./traces.ts";

const entry: RequestEntry = {
  time: "2026-01-01T00:00:00.000Z",
  requestId: "1",
  process: "front-end-1",
  operation: "GetObject",
  method: "GET",
  bucket: "bucket",
  status: 200,
  bytesIn: 0,
  bytesOut: 0,
  totalMs: 1,
  phasesMs: {},
};

function create() {
  const platform = createTestPlatform(createHash());
  return { traces: new Traces(platform.clock), pass: (ms: number) => platform.advance(ms) };
}

test("traces: each gets what ended since it was last fetched from, as its filter has it", () => {
  const { traces } = create();
  traces.ended(entry);
  assert.deepEqual(traces.fetch("a", {}), { entries: [], lost: 0 });
  traces.fetch("b", { bucket: "other" });
  traces.ended(entry);
  assert.deepEqual(traces.fetch("a", {}), { entries: [entry], lost: 0 });
  assert.deepEqual(traces.fetch("a", {}), { entries: [], lost: 0 });
  assert.deepEqual(traces.fetch("b", {}), { entries: [], lost: 0 });
  for (const id of ["a", "b"]) traces.end(id);
  assert.equal(traces.isTracing, false);
});

test("C6: traces: entries that are not fetched are limited, counted and in the end dropped", () => {
  const { traces, pass } = create();
  traces.fetch("a", {});
  for (let i = 0; i < entriesHeldMax + 70; i++) traces.ended(entry);
  const batch = traces.fetch("a", {});
  assert.deepEqual([batch?.entries.length, batch?.lost], [entriesHeldMax, 70]);
  pass(unfetchedTraceMsMax + 1);
  traces.ended(entry);
  assert.equal(traces.isTracing, false);
});

test("C6: traces: their number is limited; those that are not fetched do not count", () => {
  const { traces, pass } = create();
  for (let i = 0; i < tracesMax; i++) assert.ok(traces.fetch(`${i}`, {}));
  assert.equal(traces.fetch("one more", {}), undefined);
  pass(unfetchedTraceMsMax + 1);
  assert.ok(traces.fetch("one more", {}));
});
