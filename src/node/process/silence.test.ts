import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProcessEntry } from "../platform/process-table.ts";
import { lookMs, Silence, startSilenceMs } from "./silence.ts";

const limitMs = 8_000;

/** How long a worker may be silent that the system shows as this, using this share of a core. */
function patience(state: string | undefined, coreShare: number, isStarting = false): number {
  let silentMs = 0;
  const read = (): ProcessEntry | undefined =>
    state === undefined
      ? undefined
      : { state, cpuMs: silentMs * coreShare, startTicks: 1, threads: 1 };
  const silence = new Silence({ limitMs, read });
  silence.heard();
  if (!isStarting) silence.started();
  do silentMs += lookMs;
  while (silence.look() === undefined);
  return silentMs;
}

test("silence: a worker that is stopped, asleep or spinning hangs once the limit is reached", () => {
  for (const isStarting of [false, true]) {
    assert.equal(patience("T", 0, isStarting), limitMs);
    assert.equal(patience("t", 0, isStarting), limitMs);
  }
  assert.equal(patience("S", 0), limitMs);
  assert.equal(patience("R", 0.9), limitMs);
  assert.equal(patience(undefined, 0), limitMs);
});

test("silence: a worker that waits for a core or a disk has four times as long", () => {
  assert.equal(patience("R", 0.1), 4 * limitMs);
  assert.equal(patience("D", 0), 4 * limitMs);
});

test("silence: a worker that starts has a minute", () => {
  for (const state of ["R", "S", "D", undefined]) {
    assert.equal(patience(state, 0.9, true), startSilenceMs);
  }
});

test("silence: a sign of life ends it, and only time that was looked at counts", () => {
  const silence = new Silence({ limitMs, read: () => undefined });
  silence.started();
  for (let i = 0; i < 100; i++) {
    for (let look = 0; look < limitMs / lookMs - 1; look++) {
      assert.equal(silence.look(), undefined);
    }
    silence.heard();
  }
});
