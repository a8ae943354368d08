import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestRecord } from "../admin/request-record.ts";
import { createTestPlatform } from "../keymap/testing/test-platform.ts";
import { createHash } from "../node/platform/hash.ts";
import { recordsHeldMax, Traces, tracesMax, unfetchedTraceMsMax } from "./traces.ts";

const record: RequestRecord = {
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
  traces.ended(record);
  assert.deepEqual(traces.fetch("a", {}), { records: [], lost: 0 });
  traces.fetch("b", { bucket: "other" });
  traces.ended(record);
  assert.deepEqual(traces.fetch("a", {}), { records: [record], lost: 0 });
  assert.deepEqual(traces.fetch("a", {}), { records: [], lost: 0 });
  assert.deepEqual(traces.fetch("b", {}), { records: [], lost: 0 });
  for (const id of ["a", "b"]) traces.end(id);
  assert.equal(traces.isTracing, false);
});

test("C6: traces: records that are not fetched are limited, counted and in the end dropped", () => {
  const { traces, pass } = create();
  traces.fetch("a", {});
  for (let i = 0; i < recordsHeldMax + 70; i++) traces.ended(record);
  const batch = traces.fetch("a", {});
  assert.deepEqual([batch?.records.length, batch?.lost], [recordsHeldMax, 70]);
  pass(unfetchedTraceMsMax + 1);
  traces.ended(record);
  assert.equal(traces.isTracing, false);
});

test("C6: traces: their number is limited; those that are not fetched do not count", () => {
  const { traces, pass } = create();
  for (let i = 0; i < tracesMax; i++) assert.ok(traces.fetch(`${i}`, {}));
  assert.equal(traces.fetch("one more", {}), undefined);
  pass(unfetchedTraceMsMax + 1);
  assert.ok(traces.fetch("one more", {}));
});
