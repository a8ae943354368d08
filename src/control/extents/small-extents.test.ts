import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../../node/platform/hash.ts";
import { makeBucket, putChunks, read } from "../testing/objects.ts";
import type { TestMachine } from "../testing/processes.ts";
import { createTestMachine, tasksOf } from "../testing/processes.ts";

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
