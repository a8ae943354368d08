import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../extent/testing/manual-clock.ts";
import type { LogFields } from "./platform.ts";
import { SparseLog, sparseLogMs } from "./sparse-log.ts";

test("sparse log: a line for each subject at once, then one a minute with how many were left out", async () => {
  const lines: unknown[] = [];
  const clock = new ManualClock();
  const log = (_level: string, event: string, fields?: LogFields): void => {
    lines.push([event, fields]);
  };
  const sparse = new SparseLog({ clock, log });
  const say = (disk: string, extent: number): void =>
    sparse.log("warn", "not_read", disk, { extent });
  for (const extent of [1, 2, 3]) say("a", extent);
  say("b", 4);
  await clock.advance(sparseLogMs);
  for (const extent of [5, 6]) say("a", extent);
  await clock.advance(sparseLogMs);
  say("a", 7);
  await clock.advance(sparseLogMs);
  say("a", 8);
  assert.deepEqual(lines, [
    ["not_read", { extent: 1 }],
    ["not_read", { extent: 4 }],
    ["not_read", { extent: 5, more: 2 }],
    ["not_read", { extent: 7, more: 1 }],
    ["not_read", { extent: 8 }],
  ]);
});
