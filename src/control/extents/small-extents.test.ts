import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import { copyOn, type ExtentRow, firstLayout } from "../../format/extent-row.ts";
import {
  type ChangeId,
  type DiskId,
  type ExtentId,
  idOfText,
  type SessionId,
} from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import { createHash } from "../../node/platform/hash.ts";
import { makeBucket, putChunks, read } from "../testing/objects.ts";
import type { TestMachine } from "../testing/processes.ts";
import { createTestMachine, tasksOf } from "../testing/processes.ts";
import { SmallExtents } from "./small-extents.ts";

const hash = createHash();
const extentBytes = 64 * 1024;

/**
 * A write now and then, each of which leaves an extent of its own, as a quiet store's do by their
 * age.
 */
async function putApart(machine: TestMachine, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    const front = await machine.start("front-end");
    if (i === 0) await makeBucket(front);
    await putChunks(front, `object ${i}`, [contentOf(i)]);
    await front.stop();
  }
}

const contentOf = (i: number): string => `${i};`.repeat(200);

/** Background processes come and go until all is done: each seals what it wrote as it ends. */
async function settle(machine: TestMachine): Promise<{ bytesMoved: number; extents: number }> {
  let bytesMoved = 0;
  for (;;) {
    const background = await machine.start("background");
    const tasks = tasksOf(machine, background, { smallBytes: extentBytes / 4 });
    await tasks.runUntilIdle();
    await machine.platform.clock.advance(100_000);
    await tasks.runUntilIdle();
    const extents = (await background.table.list(undefined, 1000)).length;
    await background.stop();
    bytesMoved += tasks.counters.bytesMoved;
    if (tasks.counters.extentsMerged > 0) continue;
    return { bytesMoved, extents };
  }
}

test("small extents are merged, in steps: few are left, and no byte is copied again and again", async () => {
  const machine = await createTestMachine(hash, extentBytes);
  const writes = 60;
  let bytesMoved = 0;
  let extents = 0;
  for (let i = 0; i < writes; i += 10) {
    await putApart(machine, i, i + 10);
    const after = await settle(machine);
    bytesMoved += after.bytesMoved;
    ({ extents } = after);
  }
  assert.ok(extents < 20, `${extents} extents are left of ${writes}`);
  const bytes = Array.from({ length: writes }, (_, i) => contentOf(i).length).reduce(
    (a, b) => a + b,
  );
  assert.ok(bytesMoved <= 3 * bytes, `${bytesMoved} bytes moved of ${bytes}`);
  const reader = await machine.start("front-end");
  for (let i = 0; i < writes; i++) assert.equal(await read(reader, `object ${i}`), contentOf(i));
  const moved = bytesMoved;
  assert.deepEqual(await settle(machine), { bytesMoved: 0, extents }, `after ${moved}`);
});

function entryOf(id: number, bytes: number, storageClass = "STANDARD"): ExtentEntry {
  const row: ExtentRow = {
    state: "reconciled",
    scheme: { kind: "replicated", copies: 1, quorum: 1 },
    members: [copyOn(idOfText<DiskId>("1".repeat(32)))],
    epoch: 1,
    session: 1 as SessionId, // made up
    storageClass,
    bucketScheme: undefined,
    createdMs: 1,
    sealedMs: 2,
    length: extentHeaderBytes + bytes,
    deadBytes: 0,
    droppedMs: 0,
    ...firstLayout,
  };
  // Made up.
  return { id: id as ExtentId, row, stamp: idOfText<ChangeId>("2".repeat(32)) };
}

test("small extents: those of any size are merged once they make a large one, each once", () => {
  const small = new SmallExtents({ smallBytes: 64_000, mergedAtOnce: 8 });
  const sizes = [60_000, 100, 40_000, 20_000];
  for (const [i, bytes] of sizes.entries()) assert.deepEqual(small.note(entryOf(i, bytes)), []);
  assert.deepEqual(small.note(entryOf(9, 63_000, "GLACIER_IR")), []);
  small.forget(2 as ExtentId);
  assert.deepEqual(small.note(entryOf(4, 47_899)), []);
  assert.deepEqual(small.note(entryOf(4, 47_900)), [0, 1, 3, 4]);
  // What was merged counts no more, and a large one never.
  assert.deepEqual(small.note(entryOf(5, 64_000)), []);
  assert.deepEqual(small.note(entryOf(6, 63_000)), []);
  assert.deepEqual(small.note(entryOf(7, 63_000)), []);
  assert.deepEqual(small.note(entryOf(8, 2_000)), [6, 7, 8]);
});

test("small extents: of about the same size so many are merged at once, whatever else there is", () => {
  const small = new SmallExtents({ smallBytes: 64_000_000, mergedAtOnce: 3 });
  assert.deepEqual(small.note(entryOf(1, 10_000)), []);
  assert.deepEqual(small.note(entryOf(2, 1_000_000)), []);
  assert.deepEqual(small.note(entryOf(3, 20_000)), []);
  assert.deepEqual(small.note(entryOf(4, 15_000)), [1, 3, 4]);
});
