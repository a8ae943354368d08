import assert from "node:assert/strict";
import { test } from "node:test";
import { newestGeneration, readDiskGeneration } from "../extent/disk-generation.ts";
import { isPending } from "../extent/testing/manual-clock.ts";
import { storeKey } from "../format/row-keys.ts";
import { encodeStoreRow } from "../format/system-rows.ts";
import { renewLease } from "../keymap/leases.ts";
import { readStoreRow } from "../keymap/store-generation.ts";
import { createHash } from "../node/platform/hash.ts";
import { must } from "../base/assert.ts";
import { GenerationKeeper } from "./generation-keeper.ts";
import { makeBucket, putChunks, remove } from "./testing/objects.ts";
import type { TestProcess } from "./testing/processes.ts";
import { createTestMachine, tasksOf } from "./testing/processes.ts";

const hash = createHash();

/** Makes the index read as if an older copy was written over it. */
async function setBack(process: TestProcess, generation: number): Promise<void> {
  const row = must(await readStoreRow(process.keymap.system), "a store row");
  await process.keymap.system.commit({
    id: process.keymap.session.nextChangeId(),
    checks: [],
    puts: [{ key: storeKey(), value: encodeStoreRow({ ...row, generation }) }],
    deletes: [],
  });
}

test("generation: it is counted up while the store is in use, and written to the disks", async () => {
  const machine = await createTestMachine(hash);
  const background = await machine.start("background");
  const keeper = new GenerationKeeper({ ...background, everyMs: 1000 });
  for (let generation = 1; generation <= 3; generation++) {
    assert.equal(await keeper.step(), "idle");
    assert.equal(await keeper.step(), "idle", "not before its time");
    assert.equal((await readStoreRow(background.keymap.system))?.generation, generation);
    assert.equal((await newestGeneration(hash, background.disks)).generation, generation);
    await machine.platform.clock.advance(1000);
  }
});

test("C9: the generation reaches all disks but one that gives no answer", async () => {
  const machine = await createTestMachine(hash, 2048, 3);
  const background = await machine.start("background");
  const keeper = new GenerationKeeper({ ...background, everyMs: 1000 });
  const [, hanging] = machine.memoryDisks;
  hanging!.before = () => new Promise(() => undefined);
  const step = keeper.step();
  for (let seconds = 0; await isPending(step); seconds++) {
    assert.ok(seconds < 10, "it does not wait for one disk");
    await machine.platform.clock.advance(1000);
  }
  const written = background.disks.disks.map((disk, i) => {
    return i === 1 ? Promise.resolve(0) : readDiskGeneration(hash, background.disks.store, disk);
  });
  assert.deepEqual(await Promise.all(written), [1, 0, 1]);
});

test("C9: an index that is older than it was ends the process that reclaims, before anything is removed", async () => {
  const machine = await createTestMachine(hash);
  const front = await machine.start("front-end");
  await makeBucket(front);
  await putChunks(front, "gone", ["gone".repeat(100)]);
  await remove(front, "gone");
  await front.stop();
  const background = await machine.start("background");
  const tasks = tasksOf(machine, background);
  const { signal } = new AbortController();
  await tasks.generation.step(signal);
  await machine.platform.clock.advance(60_000);
  await tasks.generation.step(signal);
  await setBack(background, 1);
  const files = [...machine.disk.files.keys()];
  // What is read may go only after some renewals of leases.
  const reclaim = async (): Promise<void> => {
    for (let round = 0; round < 20; round++) {
      await tasks.runUntilIdle();
      await renewLease(background);
      await machine.platform.clock.advance(60_000);
    }
  };
  await assert.rejects(reclaim(), { code: "fenced", message: /older than the data/ });
  assert.deepEqual([...machine.disk.files.keys()], files);
});
