import assert from "node:assert/strict";
import { test } from "node:test";
import { Series } from "./series.ts";

const counts = (series: Series): number[] => series.intervals.map(({ count }) => count);

test("series: an interval a second, also those in which nothing ended", () => {
  const series = new Series();
  for (const at of [0, 0.5, 2.1, 2.2, 2.9]) series.record(at, 5);
  assert.deepEqual(counts(series), [2, 0, 3]);
});

test("series: a long run has wider intervals, not more of them, and loses nothing", () => {
  const series = new Series();
  for (let at = 0; at < 3000; at++) series.record(at, 1);
  assert.equal(series.seconds, 8);
  assert.equal(series.intervals.length, 375);
  assert.ok(counts(series).every((count) => count === 8));
});

test("series: of processes that saw different lengths of time", () => {
  const long = new Series();
  for (let at = 0; at < 1000; at++) long.record(at, 1);
  const short = new Series();
  for (let at = 0; at < 4; at++) short.record(at, 1);
  for (const [first, second] of [
    [long, short],
    [short, long],
  ] as const) {
    const sum = new Series();
    sum.add(first.data());
    sum.add(second.data());
    assert.equal(sum.seconds, 2);
    assert.deepEqual(counts(sum).slice(0, 3), [4, 4, 2]);
  }
});
