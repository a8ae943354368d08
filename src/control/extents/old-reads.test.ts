import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExtentId } from "../../format/ids.ts";
import { createHash } from "../../node/platform/hash.ts";
import { createTestMachine } from "../testing/processes.ts";
import { OldReads, waitingExtentsMax } from "./old-reads.ts";

test("C5: extents are dropped after an endless read, however many wait for it", async () => {
  const machine = await createTestMachine(createHash());
  const { keymap, reads, platform } = await machine.start("background");
  const oldReadMs = 10_000;
  const oldReads = new OldReads({ platform, keymap, reads, oldReadMs });
  reads.begin();
  let left = Array.from({ length: 2 * waitingExtentsMax + 1 }, (_, i) => (i + 1) as ExtentId);
  const ask = async (): Promise<number> => {
    const before = left.length;
    const ended = await Promise.all(left.map((extent) => oldReads.haveEnded(extent)));
    left = left.filter((_, i) => !ended[i]);
    return before - left.length;
  };
  assert.equal(await ask(), 0);
  for (const expected of [waitingExtentsMax, waitingExtentsMax, 1]) {
    await platform.clock.advance(oldReadMs + 1000);
    assert.equal(await ask(), expected);
    await ask(); // those that found no place before
  }
});
