import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { equalBytes } from "../../base/bytes.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import { newDiskRow } from "../../format/disk-row.ts";
import type { DiskId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import { changeDisks, registryOf } from "../../keymap/disk-registry.ts";
import { createHash } from "../../node/platform/hash.ts";
import { holdingOf } from "../extents/disk-holdings.ts";
import { ExtentCensus } from "../extents/extent-census.ts";
import { isHeldAt, lateDropMs, readRestoreWindow } from "../restore-window.ts";
import { remove } from "../testing/objects.ts";
import {
  createTestMachine,
  tasksOf,
  type TestMachine,
  type TestProcess,
  type TestTasks,
} from "../testing/processes.ts";
import {
  contentOf,
  contentsOf,
  fileOf,
  filePaths,
  memoryDiskOf,
  storeObjects,
} from "./testing/coded-extents.ts";

// Extents that nothing refers to any more, and that the restore window keeps.

const hash = createHash();
const hour = 3_600_000;
const objects = 8;
// No read is waited for, and no disk.
const limits = { restoreWindowMs: hour, oldReadMs: 0, diskGraceMs: 0 };

interface Held {
  readonly machine: TestMachine;
  readonly process: TestProcess;
  readonly tasks: TestTasks;
  /** The bytes of held extents. */
  readonly before: Awaited<ReturnType<typeof contentsOf>>;
}

/** A store of copies, half of whose objects were deleted: what they were in is held. */
async function heldStore(disks = 5): Promise<Held> {
  const machine = await createTestMachine(hash, 2048, disks);
  await storeObjects(machine, objects);
  const process = await machine.start("background");
  const all = await contentsOf(machine, process);
  const tasks = tasksOf(machine, process, limits);
  const front = await machine.start("front-end");
  for (let i = 0; i < objects; i += 2) await remove(front, `key ${i}`);
  await front.stop();
  const store = { machine, process, tasks, before: all };
  for (let round = 0; round < 10 && (await extentsOf(store)).held.length < 2; round++) {
    await later(store);
  }
  // Those that compaction copies to.
  await process.stop();
  const again = await machine.start("background");
  const served = { ...store, process: again, tasks: tasksOf(machine, again, limits) };
  await later(served);
  const { held, live } = await extentsOf(served);
  assert.ok(held.length > 1 && live.length > 0, `${held.length} held, ${live.length} live`);
  return { ...served, before: new Map(held.map(({ id }) => [id, must(all.get(id), "as it was")])) };
}

async function extentsOf({ process }: Pick<Held, "process">) {
  const entries = await process.table.list(undefined, 1000);
  const held = entries.filter(({ row }) => row.state === "dropping");
  const live = entries.filter(({ row }) => row.state !== "dropping" && row.state !== "open");
  return { held, live };
}

/** Time in which disks are looked at anew, and those that failed are tried again. */
async function later({ machine, process, tasks }: Omit<Held, "before">): Promise<void> {
  await machine.platform.clock.advance(61_000);
  process.reads.endPeriod();
  await tasks.runUntilIdle();
}

async function assertWhole({ machine, process, before }: Held): Promise<void> {
  const { held } = await extentsOf({ process });
  assert.equal(held.length, before.size);
  for (const entry of held) {
    assert.ok(equalBytes(contentOf(machine, entry), must(before.get(entry.id), "as it was")));
    assert.ok(entry.row.members.every(({ state }) => state === "whole"));
    assert.deepEqual([entry.row.coming, entry.row.leaving], [[], []]);
  }
  const { found, stated } = await filePaths(machine, process);
  assert.deepEqual(found, stated);
}

/** Takes the file of the first member away. */
function loseMember({ machine }: Held, { id, row }: ExtentEntry): void {
  const { disk } = must(row.members[0], "a member");
  const { files } = memoryDiskOf(machine, disk);
  for (const path of files.keys()) {
    if (files.get(path) === fileOf(machine, id, { disk, layout: row.layout })) files.delete(path);
  }
}

function areShort({ process }: Held, entries: readonly ExtentEntry[]): Promise<boolean[]> {
  const isShort = async ({ id }: ExtentEntry): Promise<boolean> => {
    const { row } = must(await process.table.get(id), "an extent");
    return row.members.some(({ state }) => state !== "whole");
  };
  return Promise.all(entries.map(isShort));
}

async function setEmptying({ machine, process }: Held, emptied: DiskId): Promise<void> {
  const rows = machine.disks.disks.map(({ id }, i) => {
    const state = id === emptied ? ("emptying" as const) : ("active" as const);
    return newDiskRow({ disk: id, addedMs: 1, name: `/data${i}`, state });
  });
  Object.assign(process.disks, { rows: new Map(rows.map((row) => [row.disk, row])) });
  await changeDisks(registryOf(process.keymap), () => rows);
}

async function counted({ process }: Held) {
  const { platform, keymap } = process;
  const window = await readRestoreWindow(keymap.system);
  const census = new ExtentCensus({
    ...process,
    clock: platform.clock,
    canLose: () => true,
    isHeld: (droppedMs) => isHeldAt(window, droppedMs, platform.clock.now()),
    copiesOf: () => 3,
  });
  while ((await census.step()) === "busy");
  return must(census.last, "a count").redundancy;
}

test("C5: members of held extents that are lost are made again, behind those of live ones", async () => {
  const store = await heldStore();
  const { process, tasks } = store;
  const { held, live } = await extentsOf(store);
  for (const entry of [...held, ...live]) loseMember(store, entry);
  await store.machine.platform.clock.advance(61_000);
  const { signal } = new AbortController();
  const step = async (name: string) => {
    const task = must(
      tasks.tasks.find((one) => one.name === name),
      "a task",
    );
    return await task.step(signal);
  };
  while ((await step("extent inventory")) === "busy");
  const short = await counted(store);
  assert.equal(short.held.reduced.extents, held.length);
  assert.ok(short.held.reduced.bytes > 0);
  assert.equal(short.shortExtents, held.length + live.length);
  while (tasks.counters.membersRepaired < held.length + live.length) {
    assert.equal(await step("repair"), "busy");
    const made = tasks.repairStatistics().now.map(({ extent }) => extent);
    const waiting = live.filter(({ id }) => !made.includes(id));
    const isLiveLeft = (await areShort(store, waiting)).includes(true);
    const isHeldDone = (await areShort(store, held)).includes(false);
    assert.ok(!(isLiveLeft && isHeldDone), "no held one is made while a live one waits");
  }
  await later(store);
  await assertWhole(store);
  const whole = await counted(store);
  assert.deepEqual([whole.held.full.extents, whole.shortExtents], [held.length, 0]);
  assert.equal(tasks.counters.extentsDropped, 0);
  assert.deepEqual(await process.table.listShort(undefined, 10), []);
});

test("C5: held extents move away from a disk that is emptied, and go once the window has passed", async () => {
  const store = await heldStore();
  const { machine, process, tasks } = store;
  const { held } = await extentsOf(store);
  const { disk: emptied } = must(held[0]?.row.members[0], "a member");
  const window = await readRestoreWindow(process.keymap.system);
  const holding = async (without?: DiskId) =>
    holdingOf(process.table, emptied, {
      isThere: (disk) => without === undefined || disk === without,
      isHeld: (droppedMs) => isHeldAt(window, droppedMs, machine.platform.clock.now()),
    });
  const { heldExtents, onlyExtents } = await holding();
  assert.ok(heldExtents > 0);
  assert.equal(onlyExtents, 0);
  assert.ok(
    (await holding(emptied)).onlyExtents >= heldExtents,
    "they count as those of live ones",
  );
  await setEmptying(store, emptied);
  await later(store);
  await later(store);
  assert.equal((await holding()).extents, 0, "nothing is left on it");
  await assertWhole(store);
  machine.platform.clock.setWall(hour + lateDropMs);
  for (let round = 0; round < 3; round++) await later(store);
  assert.deepEqual((await extentsOf(store)).held, []);
  assert.equal(tasks.counters.extentsDropped, held.length);
  const { found, stated } = await filePaths(machine, process);
  assert.deepEqual(found, stated);
});

test("C4: scrub finds damage in held extents, and repair mends it", async () => {
  const store = await heldStore();
  const { machine, tasks } = store;
  const { held } = await extentsOf(store);
  for (const { id, row } of held) {
    const { disk } = must(row.members[1], "a member");
    must(fileOf(machine, id, { disk, layout: row.layout }), "its file")[extentHeaderBytes + 90]! ^=
      4;
  }
  await machine.platform.clock.advance(1000);
  for (let round = 0; round < 200; round++) {
    await tasks.scrub.step(new AbortController().signal);
    await machine.platform.clock.advance(1000);
  }
  assert.equal(tasks.counters.membersFoundBad, held.length);
  await later(store);
  await assertWhole(store);
});
