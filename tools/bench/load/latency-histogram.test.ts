import assert from "node:assert/strict";
import { test } from "node:test";
import { LatencyHistogram } from "./latency-histogram.ts";

function filled(values: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

test("histogram: quantiles are within 1.6 % of those of the sorted values", () => {
  // From microseconds to minutes, without chance.
  const values = Array.from({ length: 5000 }, (_, i) => 0.003 * 1.003 ** i);
  const histogram = filled(values.toSorted((a, b) => Math.sin(a) - Math.sin(b)));
  for (const share of [0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = values[Math.ceil(share * values.length) - 1] ?? 0;
    const off = Math.abs(histogram.quantileMs(share) - exact);
    assert.ok(
      off <= exact * 0.016 + 0.001,
      `${share}: ${histogram.quantileMs(share)} for ${exact}`,
    );
  }
  assert.equal(histogram.count, values.length);
  assert.equal(histogram.maxMs, values.at(-1));
});

test("histogram: those of two processes add up to that of all values", () => {
  const values = Array.from({ length: 999 }, (_, i) => (i * 7919) % 1000);
  const whole = filled(values);
  const sum = filled(values.slice(0, 400));
  sum.add(JSON.parse(JSON.stringify(filled(values.slice(400)).data())));
  assert.deepEqual(sum.data().buckets, whole.data().buckets);
  assert.equal(sum.meanMs, whole.meanMs);
});

test("histogram: nothing recorded, and values beyond both ends", () => {
  assert.equal(new LatencyHistogram().quantileMs(0.99), 0);
  assert.equal(new LatencyHistogram().meanMs, 0);
  const extremes = filled([0, 1e12]);
  assert.equal(extremes.quantileMs(0.5), 0);
  assert.ok(extremes.quantileMs(1) > 30 * 60_000);
});
