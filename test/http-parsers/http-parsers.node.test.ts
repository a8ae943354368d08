import assert from "node:assert/strict";
import { test } from "node:test";
import { firstSeed } from "../first-seed.ts";
import { compareParsers } from "./compare-parsers.ts";

/** So that every run tries something, however busy the machine is. */
const casesMin = 200;
const milliseconds = 5_000;

test("http parsers: ours takes what node:http takes, except where it is stricter for a reason", async () => {
  const untilMs = performance.now() + milliseconds;
  const { cases, alike, unknown } = await compareParsers(
    firstSeed(undefined),
    (begun) => begun < casesMin || performance.now() < untilMs,
  );
  assert.deepEqual(unknown, []);
  assert.ok(cases >= casesMin && alike > cases / 10, `${alike} taken of ${cases}`);
});
