import assert from "node:assert/strict";
import { test } from "node:test";
import { type DiskId, idOfText } from "../format/ids.ts";
import { type DiskSample, DiskVerdicts } from "./disk-verdicts.ts";
import type { DiskCounts } from "./observed-disk.ts";

const id = (n: number): DiskId => idOfText<DiskId>(n.toString(16).padStart(32, "0"));
const minute = 60_000;
const none: DiskCounts = { operations: 0, errors: 0, slow: 0, waitingMs: 0 };

const sample = (n: number, counts: Partial<DiskCounts>, damaged?: number): DiskSample => ({
  disk: id(n),
  counts: { ...none, ...counts },
  damaged,
});

function reasonsOf(verdicts: DiskVerdicts, nowMs: number, ...samples: readonly DiskSample[]) {
  return [...verdicts.judge(nowMs, samples)].map(([disk, reason]) => {
    return `${disk === id(1) ? "first" : "other"}: ${reason}`;
  });
}

test("disk verdicts: errors count within the window, and not for ever", () => {
  const verdicts = new DiskVerdicts();
  for (let i = 0; i < 100; i++) {
    // One error every minute is a disk that is not well, and is read around.
    assert.deepEqual(reasonsOf(verdicts, i * minute, sample(1, { errors: i })), []);
  }
  const reasons = reasonsOf(verdicts, 100 * minute, sample(1, { errors: 120 }));
  assert.match(reasons.join(), /^first: 3\d operations failed within 10 minutes$/);
  verdicts.forget(id(1));
  assert.deepEqual(reasonsOf(verdicts, 101 * minute, sample(1, { errors: 120 })), []);
  assert.deepEqual(reasonsOf(verdicts, 102 * minute, sample(1, { errors: 130 })), []);
});

test("disk verdicts: a disk is slow only beside others that are not", () => {
  const slow = { operations: 100, slow: 40 };
  const alike = new DiskVerdicts();
  alike.judge(0, [sample(1, {}), sample(2, {})]);
  assert.deepEqual(reasonsOf(alike, minute, sample(1, slow), sample(2, slow)), []);
  const alone = new DiskVerdicts();
  alone.judge(0, [sample(1, {})]);
  assert.deepEqual(reasonsOf(alone, minute, sample(1, slow)), []);
  const beside = new DiskVerdicts();
  beside.judge(0, [sample(1, {}), sample(2, {})]);
  const fast = { operations: 1000, slow: 5 };
  assert.deepEqual(reasonsOf(beside, minute, sample(1, slow), sample(2, fast)), [
    "first: 40 % of its operations took more than 2 seconds within 10 minutes",
  ]);
});

test("disk verdicts: a short stall is no reason, a long one is, unless all stall", () => {
  const verdicts = new DiskVerdicts();
  const waits = (ms: number, others: number) =>
    reasonsOf(verdicts, ms, sample(1, { waitingMs: ms }), sample(2, { waitingMs: others }));
  assert.deepEqual(waits(10_000, 0), []);
  assert.deepEqual(waits(31_000, 20_000), []);
  assert.deepEqual(waits(33_000, 100), ["first: no answer for 33 seconds"]);
  // The process stood still for a minute.
  assert.deepEqual(waits(0, 0), []);
  assert.deepEqual(waits(60_000, 0), []);
});

test("disk verdicts: damage that was there before counts no more than damage that is found counts", () => {
  const verdicts = new DiskVerdicts();
  assert.deepEqual(reasonsOf(verdicts, 0, sample(1, {}, 100)), []);
  assert.deepEqual(reasonsOf(verdicts, minute, sample(1, {}, 60)), []); // repaired
  assert.deepEqual(reasonsOf(verdicts, 2 * minute, sample(1, {}, 75)), []);
  assert.deepEqual(reasonsOf(verdicts, 3 * minute, sample(1, {}, 76)), [
    "first: 16 files were found damaged within 60 minutes",
  ]);
});
