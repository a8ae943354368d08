import assert from "node:assert/strict";
import { test } from "node:test";
import { renderCosts } from "./run-handler.ts";
import { renderSteps } from "./run-steps.ts";

const figures = (calls: number) => [
  { kind: "put 4 KiB", atOnce: 1, calls, files: 2, promises: 30, byFile: byFile(calls) },
  { kind: "get 4 KiB", atOnce: 1, calls: 7, files: 1, promises: 3, byFile: byFile(7) },
];
const byFile = (calls: number) => [{ file: "a.ts", calls, promises: 3 }];

test("bench steps: a row for each kind and checkout, those of a kind together, files below", () => {
  const text = renderSteps([
    { name: "this", figures: figures(1234) },
    { name: "other", figures: figures(2000) },
  ]);
  const names = text.split("\n").map((line) => line.split(/ {2,}/)[0]);
  assert.deepEqual(names.slice(1, 5), [
    "put 4 KiB, alone, this",
    "put 4 KiB, alone, other",
    "get 4 KiB, alone, this",
    "get 4 KiB, alone, other",
  ]);
  assert.match(text, /put 4 KiB, alone, other +2,000 +2 +30 +≤ 35/);
  assert.match(text, /put 4 KiB, alone, by file\n +calls +promises\na\.ts +1,234 +3/);
});

test("bench handler: medians of the bursts, and the median of the rounds' ratios", () => {
  const bursts = (...micros: number[]) =>
    micros.map((each) => ({ micros: each, mainMicros: each / 2 }));
  const text = renderCosts([
    {
      kind: "get 4 KiB",
      checkouts: [
        { name: "this", bursts: bursts(10, 30, 20) },
        { name: "other", bursts: bursts(40, 40, 40) },
      ],
    },
  ]);
  assert.match(text, /this +main thread +other +main thread +this \/ other/);
  assert.match(text, /get 4 KiB +20\.0 +10\.0 +40\.0 +20\.0 +0\.50 +0\.25 … 0\.75/);
});
