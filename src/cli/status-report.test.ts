import assert from "node:assert/strict";
import { test } from "node:test";
import { Metrics, prometheusText } from "../admin/metrics.ts";
import { sampleCensus } from "../server/store-metrics.ts";
import { quantilesBy, readFigures } from "./figures.ts";
import { statusOf } from "./status-report.ts";
import { bytesText, durationText, statusLines } from "./status-text.ts";

/** A front end that answered so many requests of each operation, each in so many seconds. */
function page(
  answered: Readonly<Record<string, readonly number[]>>,
  process = "front-end-1",
  straysKept = 0,
) {
  const metrics = new Metrics();
  const requests = metrics.counter("holdfast_requests_total", "R.", ["operation", "status"]);
  const bounds = [0.01, 0.1, 1];
  const name = "holdfast_request_duration_seconds";
  const durations = metrics.histogram(name, "D.", bounds, ["operation"]);
  metrics.sampled("gauge", "holdfast_process_uptime_seconds", "U.", () => 5);
  metrics.sampled("gauge", "holdfast_extent_strays_kept", "F.", () => straysKept);
  for (const [operation, times] of Object.entries(answered)) {
    requests.at(operation, "200").add(times.length);
    for (const seconds of times) durations.at(operation).observe(seconds);
  }
  return prometheusText([{ process, families: metrics.read() }]);
}

const times = (count: number, seconds: number): number[] =>
  Array.from({ length: count }, () => seconds);

test("status: rates and quantiles are those of the time between two looks, over all processes", () => {
  const before = page({ GetObject: times(1000, 0.5) });
  const after = page({ GetObject: [...times(1000, 0.5), ...times(98, 0.005), 0.05, 0.05] });
  const other = page({ GetObject: times(100, 0.005), PutObject: times(10, 0.5) }, "front-end-2");
  const report = statusOf(
    { atMs: 0, figures: readFigures(before) },
    { atMs: 2000, figures: readFigures(after + other) },
  );
  assert.equal(report.requestsPerSecond, 105);
  const [get, put, more] = report.operations;
  assert.equal(more, undefined);
  assert.deepEqual([get?.name, get?.perSecond, put?.perSecond], ["GetObject", 100, 5]);
  assert.ok((get?.p50Ms ?? 0) > 4 && (get?.p50Ms ?? 0) < 6, `${get?.p50Ms}`);
  assert.equal(get?.p99Ms, 10);
  assert.ok((put?.p50Ms ?? 0) > 100);
  assert.equal(report.processes.length, 2);
  assert.equal(report.stored, undefined);
});

test("C8: status says whether the index is damaged, and when it was verified", () => {
  const metrics = new Metrics();
  let damaged = 0;
  metrics.sampled("gauge", "holdfast_index_damaged", "D.", () => damaged);
  metrics.sampled("gauge", "holdfast_index_verified_timestamp_seconds", "V.", () => 1_790_000_000);
  metrics.sampled("gauge", "holdfast_index_problems", "P.", () => 3);
  const lines = (): string => {
    const text = prometheusText([{ process: "background", families: metrics.read() }]);
    const look = { atMs: 0, figures: readFigures(text) };
    return statusLines(statusOf(look, look)).join("\n");
  };
  assert.match(lines(), /index +verified at 2026-09-21T/);
  damaged = 1;
  assert.match(lines(), /index +DAMAGED, nothing is reclaimed.*3 problems.*check --repair/);
});

test("status: a process that was started again counts from its start", () => {
  const look = (atMs: number, count: number) => ({
    atMs,
    figures: readFigures(page({ GetObject: times(count, 0.005) })),
  });
  assert.equal(statusOf(look(0, 1000), look(1000, 30)).requestsPerSecond, 30);
});

test("status: a quantile above the last bound is that bound; without samples there is none", () => {
  const name = "holdfast_request_duration_seconds";
  const figures = readFigures(page({ GetObject: [50], PutObject: [] }));
  const quantiles = quantilesBy(figures, name, "operation", [0.5]);
  assert.deepEqual([...quantiles], [["GetObject", [1]]]);
});

test("C8: files that the index does not know are shown, where there are any", () => {
  const linesFor = (files: number): string => {
    const figures = readFigures(page({}, "background", files));
    return statusLines(statusOf({ atMs: 0, figures: [] }, { atMs: 1, figures })).join("\n");
  };
  assert.doesNotMatch(linesFor(0), /kept/);
  assert.match(linesFor(3), /kept +3 files under extents\/ that the index does not know: stop/);
});

test("status: what is shown is for people", () => {
  assert.deepEqual([0, 1023, 1536, 300 * 1024, 5 * 1024 ** 4].map(bytesText), [
    "0 B",
    "1023 B",
    "1.5 KiB",
    "300 KiB",
    "5.0 TiB",
  ]);
  assert.deepEqual([0, 59, 60, 3700, 90_000].map(durationText), [
    "0s",
    "59s",
    "1m",
    "1h 1m",
    "1d 1h",
  ]);
  const figures = readFigures(page({ GetObject: times(10, 0.005) }));
  const lines = statusLines(statusOf({ atMs: 0, figures: [] }, { atMs: 1000, figures })).join("\n");
  assert.match(lines, /requests +10\.0\/s, 0\.0\/s in error/);
  assert.match(lines, /OPERATION +PER S.*\n +GetObject +10\.0/);
});

test("C8: status shows extents whose files are missing, and does not count their bytes as live", () => {
  const metrics = new Metrics();
  const extents = { open: 0, sealed: 0, settled: 0, reconciled: 3, dropping: 0 };
  const lost = { missing: 2, damaged: 0 };
  const lostBytes = { missing: 2048, damaged: 0 };
  sampleCensus(metrics, () => ({
    extents,
    lost,
    lostBytes,
    bytes: 4096,
    deadBytes: 1024,
    garbageRows: 0,
  }));
  const families = metrics.read();
  const figures = readFigures(prometheusText([{ process: "background", families }]));
  const lines = statusLines(statusOf({ atMs: 0, figures: [] }, { atMs: 1000, figures })).join("\n");
  assert.match(lines, /stored +1\.0 KiB live/);
  assert.match(lines, /missing +2 extents, 2\.0 KiB: /);
  assert.ok(!lines.includes("damaged"));
});
