import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import type { ShardScheme } from "../../format/extent-row.ts";
import { TransferMeter } from "../../extent/metered-disks.ts";
import { newDiskRow } from "../../format/disk-row.ts";
import type { DiskId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { WorkOrder } from "../../format/work-order.ts";
import { changeDisks, registryOf } from "../../keymap/disk-registry.ts";
import { readScrubRow } from "../../keymap/scrub-progress.ts";
import { changeWorkOrder } from "../../keymap/work-orders.ts";
import { createHash } from "../../node/platform/hash.ts";
import { createTasks, backgroundLimits } from "../background.ts";
import { makeBucket, putChunks } from "../testing/objects.ts";
import {
  createTestMachine,
  keptIn,
  type TestMachine,
  type TestProcess,
} from "../testing/processes.ts";
import { contentsOf, contentOf, fileOf, storeObjects } from "./testing/coded-extents.ts";

const hash = createHash();
const { signal } = new AbortController();
const scheme: ShardScheme = { kind: "coded", code: "rs", data: 2, parity: 2 };
const day = 24 * 3_600_000;
const mebibyte = 1024 * 1024;

function tasksFor(process: TestProcess) {
  const options = {
    ...process,
    isAlive: () => true,
    transfers: new TransferMeter(),
    schemeAtRest: () => Promise.resolve(keptIn(scheme)),
  };
  const limits = { ...backgroundLimits, deadShare: 1, smallBytes: 0, encodedBytesMin: 0 };
  return createTasks(options, { ...limits, drainRestMs: 0, scrubMs: 2 * day });
}

async function until(tasks: ReturnType<typeof tasksFor>): Promise<void> {
  const all = [tasks.deadWriters, tasks.reclaim, tasks.drops, tasks.encoding, tasks.repair];
  for (let isBusy = true; isBusy;) {
    isBusy = false;
    for (const task of all) isBusy = (await task.step(signal)) === "busy" || isBusy;
  }
}

async function codedStore() {
  const machine = await createTestMachine(hash, 2048, 4);
  await storeObjects(machine, 6);
  const process = await machine.start("background");
  const before = await contentsOf(machine, process);
  await until(tasksFor(process));
  return { machine, process, before };
}

/** Takes steps until every disk has been read, or so many. */
async function scrub(
  machine: TestMachine,
  tasks: ReturnType<typeof tasksFor>,
  stepsMax = 500,
): Promise<void> {
  for (let steps = 0; steps < stepsMax; steps++) {
    const outcome = await tasks.scrub.step(signal);
    if (outcome === "idle") return;
    await machine.platform.clock.advance(1000);
  }
}

test("C4: scrubbing finds every damaged shard, also of parities, and repair mends them", async () => {
  const { machine, process, before } = await codedStore();
  const entries = await process.table.list(undefined, 100);
  for (const [i, { id, row }] of entries.entries()) {
    const member = must(row.members[i % 4], "a member");
    const file = must(fileOf(machine, id, { disk: member.disk, layout: row.layout }), "a file");
    file[extentHeaderBytes + 50 * i]! ^= 0x10;
  }
  const tasks = tasksFor(process);
  await scrub(machine, tasks);
  assert.equal(tasks.counters.membersScrubbed, 4 * entries.length);
  assert.equal(tasks.counters.membersFoundBad, entries.length);
  await until(tasks);
  assert.equal(tasks.counters.membersRepaired, entries.length);
  for (const entry of await process.table.list(undefined, 100)) {
    assert.deepEqual(contentOf(machine, entry), before.get(entry.id));
    assert.ok(entry.row.members.every(({ state }) => state === "whole"));
  }
});

test("C8: how far scrubbing came is kept over a restart, and a round begins when its time is there", async () => {
  const { machine, process } = await codedStore();
  const first = tasksFor(process);
  await scrub(machine, first);
  const [disk] = machine.disks.disks;
  const row = must(await readScrubRow(process.keymap, disk!.id), "a row");
  assert.ok(row.isDone && row.readSinceMs > 0);
  const read = first.counters.membersScrubbed;
  assert.ok(read > 0);
  process.kill();
  const again = await machine.start("background");
  const second = tasksFor(again);
  await scrub(machine, second);
  assert.equal(second.counters.membersScrubbed, 0);
  await machine.platform.clock.advance(60_000);
  machine.platform.clock.setWall(day);
  await scrub(machine, second);
  assert.equal(second.counters.membersScrubbed, read);
});

async function order(
  { keymap, platform }: TestProcess,
  change: (order: WorkOrder, nowMs: number) => WorkOrder,
  disk?: DiskId,
): Promise<void> {
  const nowMs = platform.clock.now();
  await changeWorkOrder(keymap, { task: "scrub", disk }, (before) => change(before, nowMs));
}

/** Takes steps as long as there is something to do at once. */
async function scrubWithoutRest(tasks: ReturnType<typeof tasksFor>): Promise<void> {
  for (let steps = 0; (await tasks.scrub.step(signal)) === "busy"; steps++) {
    assert.ok(steps < 1000, "comes to rest");
  }
}

const beginAnew = (before: WorkOrder, nowMs: number): WorkOrder => ({ ...before, beginMs: nowMs });

test("scrub: a round begins when an operator asks for it, of one disk or of all, and is not paced", async () => {
  const { machine, process } = await codedStore();
  const tasks = tasksFor(process);
  await scrub(machine, tasks);
  const [disk] = machine.disks.disks;
  const onDisk = must(
    tasks.scrubStatistics().disks.find((one) => one.disk === disk!.id),
    "a disk",
  );
  const all = tasks.counters.membersScrubbed;
  await machine.platform.clock.advance(5000);
  await order(process, beginAnew, disk!.id);
  // No time passes: a paced round would wait after its first member.
  await scrubWithoutRest(tasks);
  assert.equal(tasks.counters.membersScrubbed, all + onDisk.row.members);
  await machine.platform.clock.advance(5000);
  await order(process, beginAnew);
  assert.equal(await tasks.scrub.step(signal), "busy");
  assert.ok(tasks.scrubStatistics().disks.some(({ isAsked, row }) => isAsked && !row.isDone));
  await scrubWithoutRest(tasks);
  assert.equal(tasks.counters.membersScrubbed, 2 * all + onDisk.row.members);
  for (const { row, isAsked } of tasks.scrubStatistics().disks) {
    assert.deepEqual([row.isDone, row.readSinceMs], [true, machine.platform.clock.now()]);
    assert.equal(isAsked, false);
  }
});

test("scrub: an order begins a round that is under way anew, and is followed once, also over a restart", async () => {
  const { machine, process } = await codedStore();
  const first = tasksFor(process);
  assert.equal(await first.scrub.step(signal), "busy");
  await machine.platform.clock.advance(5000);
  await order(process, beginAnew);
  await first.scrub.step(signal);
  const { row } = must(first.scrubStatistics().disks[0], "a disk");
  assert.deepEqual([row.members, row.startedMs], [1, machine.platform.clock.now()]);
  await scrubWithoutRest(first);
  process.kill();
  const second = tasksFor(await machine.start("background"));
  await scrubWithoutRest(second);
  assert.equal(second.counters.membersScrubbed, 0);
});

test("scrub: nothing is read while it is paused, also after a restart, and its state is shown", async () => {
  const { machine, process } = await codedStore();
  const tasks = tasksFor(process);
  assert.equal(await tasks.scrub.step(signal), "busy");
  await order(process, (before) => ({ ...before, isPaused: true }));
  await machine.platform.clock.advance(60_000);
  assert.equal(await tasks.scrub.step(signal), "paused");
  process.kill();
  const again = await machine.start("background");
  const second = tasksFor(again);
  assert.equal(await second.scrub.step(signal), "paused");
  assert.equal(second.counters.membersScrubbed, 0);
  const { isPaused, disks } = second.scrubStatistics();
  assert.ok(isPaused && disks.length === 4);
  await order(again, (before) => ({ ...before, isPaused: false }));
  await scrub(machine, second);
  assert.ok(second.scrubStatistics().disks.every(({ row }) => row.isDone));
});

/** A store of one extent with records of 3 MiB, and the only disk. */
async function largeStore() {
  const machine = await createTestMachine(hash, 13 * mebibyte);
  const front = await machine.start("front-end");
  await makeBucket(front);
  await putChunks(front, "large", Array<string>(4).fill("x".repeat(3 * mebibyte)));
  await front.stop();
  const process = await machine.start("background");
  return { machine, process, tasks: tasksFor(process) };
}

test("C6: a large member is read in slices, and each byte once", async () => {
  const { machine, tasks } = await largeStore();
  const { disk } = machine;
  let steps = 0;
  for (; tasks.counters.membersScrubbed === 0; steps++) {
    assert.ok(steps < 10, "the member is read");
    const before = disk.bytesRead;
    assert.equal(await tasks.scrub.step(signal), "busy");
    // A slice of 4 MiB, and the record in which it ends.
    assert.ok(disk.bytesRead - before < 8 * mebibyte, `${disk.bytesRead - before} bytes`);
  }
  assert.ok(steps > 1);
  assert.ok(disk.bytesRead < 13 * mebibyte, "each byte is read once");
  assert.deepEqual([tasks.counters.membersFoundBad, disk.filesOpen], [0, 0]);
});

test("scrub: a member that is half read when scrub is paused, or ends, is read anew", async () => {
  const { machine, process, tasks } = await largeStore();
  const { disk } = machine;
  await tasks.scrub.step(signal);
  assert.equal(disk.filesOpen, 1);
  await order(process, (before) => ({ ...before, isPaused: true }));
  assert.equal(await tasks.scrub.step(signal), "paused");
  assert.equal(disk.filesOpen, 0);
  await order(process, (before) => ({ ...before, isPaused: false }));
  await tasks.scrub.step(signal);
  assert.equal(disk.filesOpen, 1);
  await tasks.close();
  assert.equal(disk.filesOpen, 0);
  await scrub(machine, tasks);
  assert.equal(tasks.counters.membersScrubbed, 1);
});

test("scrub: a disk that is removed is not shown any longer", async () => {
  const { machine, process } = await codedStore();
  const tasks = tasksFor(process);
  await scrub(machine, tasks);
  const ids = machine.disks.disks.map(({ id }) => id);
  assert.deepEqual(new Set(tasks.scrubStatistics().disks.map(({ disk }) => disk)), new Set(ids));
  const [removed, ...kept] = ids;
  const row = newDiskRow({ disk: removed!, addedMs: 1, name: "/gone", state: "removed" });
  await changeDisks(registryOf(process.keymap), () => [row]);
  await machine.platform.clock.advance(5000);
  await tasks.scrub.step(signal);
  assert.deepEqual(new Set(tasks.scrubStatistics().disks.map(({ disk }) => disk)), new Set(kept));
});
