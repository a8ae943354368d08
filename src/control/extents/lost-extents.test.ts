import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberState } from "../../format/extent-row.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import { createHash } from "../../node/platform/hash.ts";
import { ExtentCensus } from "./extent-census.ts";
import { makeBucket, putChunks, read, remove } from "../testing/objects.ts";
import type { TestMachine, TestProcess } from "../testing/processes.ts";
import { createTestMachine, tasksOf } from "../testing/processes.ts";

// What the background makes of extents whose file was removed or spoiled (C8, C9).

const hash = createHash();

/** Two objects, each in an extent of its own. */
async function storeWithTwo(): Promise<{
  machine: TestMachine;
  background: TestProcess;
  paths: string[];
}> {
  const machine = await createTestMachine(hash);
  const front = await machine.start("front-end");
  await makeBucket(front);
  for (const key of ["a", "b"]) await putChunks(front, key, [key.repeat(1900)]);
  await front.stop();
  const background = await machine.start("background");
  const paths = [...machine.disk.files.keys()].filter((path) => path.endsWith(".extent")).sort();
  return { machine, background, paths };
}

const statesOf = async ({ table }: TestProcess): Promise<MemberState[]> =>
  (await table.list(undefined, 100)).map(({ row }) => row.members[0]!.state);

const countOf = (machine: TestMachine, event: string): number =>
  machine.platform.events.filter((one) => one === event).length;

async function census(machine: TestMachine, process: TestProcess) {
  const counting = new ExtentCensus({
    ...process,
    ...machine,
    clock: machine.platform.clock,
    canLose: () => true,
    isHeld: () => false,
    copiesOf: () => 3,
  });
  while ((await counting.step()) === "busy");
  return counting.last;
}

/** Lets each task have its next round. */
async function rounds(machine: TestMachine, tasks: ReturnType<typeof tasksOf>): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await machine.platform.clock.advance(60_000);
    await tasks.runUntilIdle();
  }
}

test("C8, C9: a removed file is found, reported once and not counted as live; its row stays", async () => {
  const { machine, background, paths } = await storeWithTwo();
  const tasks = tasksOf(machine, background);
  await tasks.runUntilIdle();
  machine.disk.files.delete(paths[0]!);
  await rounds(machine, tasks);
  assert.deepEqual(await statesOf(background), ["missing", "whole"]);
  assert.equal(countOf(machine, "extent_file_lost"), 1);
  assert.equal(countOf(machine, "extent_left_alone"), 0);
  const [found, more] = await background.table.listShort(undefined, 10);
  assert.equal(more, undefined);
  const lost = found?.short;
  assert.ok(lost?.lost === "missing" && lost.members === 1 && lost.bytes > 1900);
  const counted = await census(machine, background);
  assert.deepEqual(counted?.lost, { missing: 1, damaged: 0 });
  assert.deepEqual(counted?.lostBytes, { missing: lost.bytes, damaged: 0 });
  assert.equal(await read(background, "b"), "b".repeat(1900));
  await assert.rejects(read(background, "a"), { code: "missing" });
});

test("C8: a file that comes back is whole again, and can be read", async () => {
  const { machine, background, paths } = await storeWithTwo();
  const tasks = tasksOf(machine, background);
  await tasks.runUntilIdle();
  const bytes = machine.disk.bytesOf(paths[0]!);
  machine.disk.files.delete(paths[0]!);
  await rounds(machine, tasks);
  machine.disk.replace(paths[0]!, bytes);
  await rounds(machine, tasks);
  assert.deepEqual(await statesOf(background), ["whole", "whole"]);
  assert.deepEqual(await background.table.listShort(undefined, 10), []);
  assert.equal(await read(background, "a"), "a".repeat(1900));
});

test("C8: a cut file and one with another header are damaged until they are as they were", async () => {
  const { machine, background, paths } = await storeWithTwo();
  const tasks = tasksOf(machine, background);
  await tasks.runUntilIdle();
  const [first, second] = paths.map((path) => machine.disk.bytesOf(path));
  machine.disk.files.set(paths[0]!, first!.slice(0, -100));
  machine.disk.files.set(paths[1]!, first!);
  await rounds(machine, tasks);
  assert.deepEqual(await statesOf(background), ["damaged", "damaged"]);
  machine.disk.files.set(paths[0]!, first!);
  machine.disk.files.set(paths[1]!, second!);
  await rounds(machine, tasks);
  assert.deepEqual(await statesOf(background), ["whole", "whole"]);
});

test("C8: a read that meets a missing or damaged extent counts in the same counters", async () => {
  const { machine, background, paths } = await storeWithTwo();
  machine.disk.files.delete(paths[0]!);
  machine.disk.bytesOf(paths[1]!).fill(0, extentHeaderBytes + 500, extentHeaderBytes + 600);
  for (const [key, code] of [
    ["a", "missing"],
    ["b", "corrupt"],
    ["a", "missing"],
  ] as const) {
    await assert.rejects(read(background, key), { code });
  }
  assert.deepEqual(await statesOf(background), ["missing", "damaged"]);
  assert.equal(countOf(machine, "extent_file_lost"), 2);
});

test("C9: extents of a data directory that is not there are not taken for missing, but counted", async () => {
  const { machine, background } = await storeWithTwo();
  const tasks = tasksOf(machine, background);
  await tasks.runUntilIdle();
  const files = [...machine.disk.files];
  machine.disk.files.clear();
  await rounds(machine, tasks);
  assert.deepEqual(await statesOf(background), ["whole", "whole"]);
  assert.equal((await census(machine, background))?.lost.missing, 2);
  // A line a minute for the disk, not one for each of its extents.
  assert.equal(countOf(machine, "extent_not_looked_at"), 3);
  for (const key of ["a", "b", "a", "b"]) {
    await assert.rejects(read(background, key), { code: "missing" });
  }
  assert.equal(countOf(machine, "lost_extent_not_noted"), 1);
  for (const [path, bytes] of files) machine.disk.files.set(path, bytes);
  await rounds(machine, tasks);
  assert.equal((await census(machine, background))?.lost.missing, 0);
  assert.equal(await read(background, "a"), "a".repeat(1900));
});

test("C5: the row of a missing extent goes once nothing refers to it", async () => {
  for (const isReconciled of [true, false]) {
    const { machine, background, paths } = await storeWithTwo();
    const tasks = tasksOf(machine, background);
    if (isReconciled) await tasks.runUntilIdle();
    machine.disk.files.delete(paths[0]!);
    await rounds(machine, tasks);
    assert.equal((await statesOf(background)).length, 2);
    await remove(background, "a");
    for (let i = 0; i < 5; i++) await rounds(machine, tasks);
    assert.deepEqual(await statesOf(background), ["whole"], `reconciled: ${isReconciled}`);
    assert.deepEqual(await background.table.listShort(undefined, 10), []);
  }
});
