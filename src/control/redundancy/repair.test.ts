import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { extentPath } from "../../extent/extent-files.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import type { ShardScheme } from "../../format/extent-row.ts";
import { newDiskRow } from "../../format/disk-row.ts";
import type { DiskId, ExtentId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import { changeDisks, registryOf } from "../../keymap/disk-registry.ts";
import { changeWorkOrder } from "../../keymap/work-orders.ts";
import { createHash } from "../../node/platform/hash.ts";
import { DiskError, isDiskError } from "../../platform/disk.ts";
import { isPending } from "../../extent/testing/manual-clock.ts";
import type { StepOutcome, Task } from "../task-loop.ts";
import { withMemberState } from "../extents/member-changes.ts";
import {
  createTestMachine,
  Killed,
  tasksOf,
  type TestMachine,
  type TestProcess,
} from "../testing/processes.ts";
import {
  contentOf,
  contentsOf,
  fileOf,
  filePaths,
  memoryDiskOf,
  storeObjects,
} from "./testing/coded-extents.ts";

const hash = createHash();
const { signal } = new AbortController();
const scheme: ShardScheme = { kind: "coded", code: "rs", data: 2, parity: 2 };
const identityFile = "holdfast.json";

interface Coded {
  readonly machine: TestMachine;
  readonly process: TestProcess;
  readonly before: ReadonlyMap<ExtentId, Uint8Array>;
}

/** A store whose extents are all coded, and stay so. */
async function codedStore(disks = 6, objects = 8): Promise<Coded> {
  const machine = await createTestMachine(hash, 2048, disks);
  await storeObjects(machine, objects);
  const process = await machine.start("background");
  const before = await contentsOf(machine, process);
  await runUntilIdle(repairTasks(machine, process));
  for (const { row } of await entriesOf(process)) assert.equal(row.scheme.kind, "coded");
  return { machine, process, before };
}

function entriesOf(process: TestProcess): Promise<ExtentEntry[]> {
  return process.table.list(undefined, 1000);
}

/** The disks that have members of extents. */
async function usedDisks(process: TestProcess): Promise<readonly DiskId[]> {
  const entries = await entriesOf(process);
  return [...new Set(entries.flatMap(({ row }) => row.members.map(({ disk }) => disk)))];
}

function repairTasks(machine: TestMachine, process: TestProcess) {
  const all = tasksOf(machine, process, { diskGraceMs: 60_000, straySweepMs: 1000 }, scheme);
  const tasks = all.tasks.filter(({ name }) => name !== "extent inventory");
  return { ...all, tasks };
}

async function runUntilIdle({ tasks }: { readonly tasks: TestTaskList }): Promise<void> {
  for (let rounds = 0, isBusy = true; isBusy; rounds++) {
    assert.ok(rounds < 2000, "comes to rest");
    isBusy = false;
    for (const task of tasks) isBusy = (await task.step(signal)) === "busy" || isBusy;
  }
}

type TestTaskList = ReturnType<typeof tasksOf>["tasks"];

/** Time in which disks are looked at anew, those that failed are tried again, and some is read. */
async function later({ machine, process }: Coded, ms = 5000): Promise<void> {
  await machine.platform.clock.advance(ms);
  process.reads.endPeriod();
}

async function note(process: TestProcess, entry: ExtentEntry, member: number): Promise<void> {
  const { disk } = must(entry.row.members[member], "a member");
  const file = { member, disk, layout: entry.row.layout };
  const row = must(withMemberState(entry.row, file, "damaged"), "it was whole");
  assert.notEqual(await process.table.replace(entry, row), "conflict");
}

async function assertWhole({ machine, process, before }: Coded): Promise<void> {
  const entries = await entriesOf(process);
  assert.equal(entries.length, before.size);
  for (const entry of entries) {
    assert.deepEqual(contentOf(machine, entry), before.get(entry.id));
    assert.ok(entry.row.members.every(({ state }) => state === "whole"));
    assert.deepEqual([entry.row.coming, entry.row.leaving], [[], []]);
    const disks = entry.row.members.map(({ disk }) => disk);
    assert.equal(new Set(disks).size, disks.length);
  }
  assert.deepEqual(await process.table.listShort(undefined, 10), []);
  const { found, stated } = await filePaths(machine, process);
  assert.deepEqual(found, stated);
}

/** Flips bits within the files of these members, and notes them as a reader would. */
async function damage({ machine, process }: Coded, members: readonly number[]): Promise<void> {
  for (const entry of await entriesOf(process)) {
    let now = entry;
    for (const member of members) {
      const place = { disk: now.row.members[member]!.disk, layout: now.row.layout };
      const file = must(fileOf(machine, now.id, place), "a file");
      file[extentHeaderBytes + 100]! ^= 0xff;
      file[file.length - 1]! ^= 0xff;
      await note(process, now, member);
      now = must(await process.table.get(now.id), "an extent");
    }
  }
}

test("C5: damaged shards are mended where they are, from as many others as are needed", async () => {
  const store = await codedStore(4);
  await damage(store, [1, 3]);
  await later(store);
  const tasks = repairTasks(store.machine, store.process);
  await runUntilIdle(tasks);
  await assertWhole(store);
  assert.equal(tasks.counters.membersRepaired, 2 * store.before.size);
  assert.ok(store.machine.memoryDisks.every(({ filesOpen }) => filesOpen === 0));
});

test("C5: missing files are made again, and those that are too short are made longer", async () => {
  const store = await codedStore(4);
  const { machine, process } = store;
  const [first, second] = (await usedDisks(process)).map((id) => memoryDiskOf(machine, id));
  for (const path of first!.files.keys()) if (path.endsWith(".extent")) first!.files.delete(path);
  for (const [path, bytes] of second!.files) {
    if (path.endsWith(".extent")) second!.replace(path, bytes.slice(0, extentHeaderBytes + 40));
  }
  for (const entry of await entriesOf(process)) {
    let now = entry;
    for (const [member, { disk }] of entry.row.members.entries()) {
      const isBad = [first, second].includes(memoryDiskOf(machine, disk));
      if (isBad) await note(process, now, member);
      now = must(await process.table.get(entry.id), "an extent");
    }
  }
  await later(store);
  await runUntilIdle(repairTasks(machine, process));
  await assertWhole(store);
});

test("C8: what is noted of members is made again before the walk through all extents ends", async () => {
  const store = await codedStore(4);
  const { machine, process } = store;
  const [entry] = await entriesOf(process);
  await note(process, must(entry, "an extent"), 2);
  // A table without end, of extents that nothing is to be done with.
  let walked = 0;
  const list = async (after: ExtentId | undefined, limit: number): Promise<ExtentEntry[]> => {
    walked += limit;
    const row = { ...entry!.row, state: "dropping" as const };
    const first = Number(after ?? 0) + 1;
    const ids = Array.from({ length: limit }, (_, i) => (first + i) as ExtentId); // made up
    return ids.map((id) => ({ id, row, stamp: entry!.stamp }));
  };
  const { tasks, counters } = repairTasks(machine, {
    ...process,
    table: { ...process.table, list },
  });
  const repair = must(
    tasks.find(({ name }) => name === "repair"),
    "a task",
  );
  await later(store);
  for (let steps = 0; steps < 50 && counters.membersRepaired === 0; steps++) {
    assert.equal(await repair.step(signal), "busy");
  }
  assert.equal(counters.membersRepaired, 1);
  assert.ok(walked > 0);
  await assertWhole(store);
});

test("C8: an extent with nothing to spare is repaired first, and does not wait for its share", async () => {
  const store = await codedStore();
  const { machine, process } = store;
  await damage(store, [0]);
  const entries = await entriesOf(process);
  const last = must(entries.at(-1), "an extent");
  await note(process, last, 1);
  await later(store);
  const { tasks, counters } = repairTasks(machine, process);
  const repair = must(
    tasks.find(({ name }) => name === "repair"),
    "a task",
  );
  const spareOfLast = async (): Promise<number> => {
    const { row } = must(await process.table.get(last.id), "it stays");
    return row.members.filter(({ state }) => state === "whole").length - 2;
  };
  const madeBefore = async (): Promise<number> => {
    while ((await spareOfLast()) === 0) await repair.step(signal);
    return counters.membersRepaired;
  };
  await stepUntil(repair, () => repair.isUrgent === true);
  assert.equal(await madeBefore(), 1);
  await repair.step(signal);
  assert.equal(repair.isUrgent, false);
  await runUntilIdle({ tasks });
  await assertWhole(store);
});

test("C8: a disk that goes is waited for, then what was on it is made on all the others", async () => {
  const store = await codedStore(8);
  const { machine, process } = store;
  const [lost] = await usedDisks(process);
  const disk = memoryDiskOf(machine, lost!);
  const files = new Map(disk.files);
  disk.files.delete(identityFile);
  const tasks = repairTasks(machine, process);
  await later(store);
  await runUntilIdle(tasks);
  assert.equal(tasks.counters.membersRepaired, 0);
  await later(store, 70_000);
  await runUntilIdle(tasks);
  const entries = await entriesOf(process);
  assert.ok(tasks.counters.membersRepaired > 0);
  assert.ok(entries.every(({ row }) => row.members.every(({ disk: id }) => id !== lost)));
  assert.ok(entries.some(({ row }) => row.leaving.length > 0));
  // It comes back with what it had, which is not needed any more.
  for (const [path, bytes] of files) disk.files.set(path, bytes);
  await later(store);
  await runUntilIdle(repairTasks(machine, process));
  await assertWhole(store);
});

test("repair: a lost disk is made again on all others, several members at the same time", async () => {
  const store = await codedStore(10, 40);
  const { machine, process } = store;
  const { clock } = machine.platform;
  const [lost] = await usedDisks(process);
  memoryDiskOf(machine, lost!).files.delete(identityFile);
  await later(store);
  const { tasks, counters } = repairTasks(machine, process);
  const repair = must(
    tasks.find(({ name }) => name === "repair"),
    "a task",
  );
  await repair.step(signal);
  await later(store, 70_000);
  const count = (await entriesOf(process)).filter(({ row }) =>
    row.members.some(({ disk }) => disk === lost),
  ).length;
  // Each write takes a second.
  let writing = 0;
  let writingMax = 0;
  for (const disk of machine.memoryDisks) {
    let onDisk = 0;
    disk.before = async (operation, path) => {
      if (operation !== "write" || !path.endsWith(".extent")) return;
      writingMax = Math.max(writingMax, ++writing);
      assert.ok(++onDisk <= 2, "a disk has little to write at once");
      await clock.sleep(1000);
      onDisk--;
      writing--;
    };
  }
  const begunMs = clock.monotonicMs();
  while (counters.membersRepaired < count) {
    const step = repair.step(signal);
    while (await isPending(step)) await clock.advance(1000);
    await step;
  }
  const tookMs = clock.monotonicMs() - begunMs;
  for (const disk of machine.memoryDisks) disk.before = () => {};
  assert.equal(writingMax, 4);
  const writes = 3; // of each member: its header, its content, its block table
  assert.ok(tookMs <= (1000 * writes * count) / 3, `${tookMs} ms for ${count} members`);
  for (const { id, row } of await entriesOf(process)) {
    assert.ok(
      row.members.every(({ state, disk }) => state === "whole" && disk !== lost),
      `${id}`,
    );
  }
});

test("C8: members leave a disk that is out and gives no answer, and nobody waits for it", async () => {
  const store = await codedStore(8);
  const { machine, process } = store;
  const { clock } = machine.platform;
  // Not the one of the index.
  const hanging = must(
    (await usedDisks(process)).find((id) => id !== machine.disks.disks[0]?.id),
    "a disk",
  );
  const rows = machine.disks.disks.map(({ id }, i) => {
    const state = id === hanging ? ("out" as const) : ("active" as const);
    return newDiskRow({ disk: id, addedMs: 1, name: `/data${i}`, state });
  });
  await changeDisks(registryOf(process.keymap), () => rows);
  Object.assign(process.disks, { rows: new Map(rows.map((row) => [row.disk, row])) });
  const disk = memoryDiskOf(machine, hanging);
  const answer = Promise.withResolvers<void>();
  disk.before = () => answer.promise;
  await later(store);
  const begunMs = clock.monotonicMs();
  const repair = must(
    repairTasks(machine, process).tasks.find(({ name }) => name === "repair"),
    "a task",
  );
  const isUsed = async (): Promise<boolean> => (await usedDisks(process)).includes(hanging);
  while (await isUsed()) {
    const step = repair.step(signal);
    while (await isPending(step)) {
      assert.ok(clock.monotonicMs() - begunMs < 25_000, "nobody waits for it");
      await clock.advance(1000);
    }
    await step;
  }
  answer.resolve();
  disk.before = () => {};
  await later(store);
  await runUntilIdle(repairTasks(machine, process));
  await assertWhole(store);
});

test("C8: a disk whose writes hang holds up the repair of no other extent", async () => {
  const store = await codedStore(4);
  const { machine, process } = store;
  const entries = await entriesOf(process);
  const hanging = must(entries[0]?.row.members[1], "a member").disk;
  const answer = Promise.withResolvers<void>();
  const disk = memoryDiskOf(machine, hanging);
  disk.before = (operation) => (operation === "write" ? answer.promise : undefined);
  for (const entry of entries) {
    const isFirst = entry.id === entries[0]?.id;
    const elsewhere = entry.row.members.findIndex((one) => one.disk !== hanging);
    await note(process, entry, isFirst ? 1 : elsewhere);
  }
  await later(store);
  const { tasks } = repairTasks(machine, process);
  const repair = must(
    tasks.find(({ name }) => name === "repair"),
    "a task",
  );
  for (let steps = 0; (await process.table.listShort(undefined, 100)).length > 1; steps++) {
    assert.ok(steps < 100, "all others are mended");
    const step = repair.step(signal);
    for (let seconds = 0; await isPending(step); seconds++) {
      assert.ok(seconds < 100, "a step ends");
      await machine.platform.clock.advance(1000);
    }
    await step;
  }
  answer.resolve();
  disk.before = () => {};
  await later(store, 70_000);
  await runUntilIdle(repairTasks(machine, process));
  await assertWhole(store);
});

test("C5: a disk that is emptied keeps nothing, and one that is removed is not waited for", async () => {
  const store = await codedStore(8);
  const { machine, process } = store;
  const [first, second] = await usedDisks(process);
  const stateOf = (id: DiskId) =>
    id === first
      ? ("emptying" as const)
      : id === second
        ? ("removed" as const)
        : ("active" as const);
  const rows = machine.disks.disks.map(({ id }, i) =>
    newDiskRow({ disk: id, addedMs: 1, name: `/data${i}`, state: stateOf(id) }),
  );
  await changeDisks(registryOf(process.keymap), () => rows);
  // As a process sees them once it has read the registry.
  Object.assign(process.disks, { rows: new Map(rows.map((row) => [row.disk, row])) });
  memoryDiskOf(machine, second!).files.clear();
  await later(store);
  await runUntilIdle(repairTasks(machine, process));
  await assertWhole(store);
  for (const { row } of await entriesOf(process)) {
    assert.ok(row.members.every(({ disk }) => disk !== first && disk !== second));
  }
});

test("C5: a crash at any commit or operation of a disk while members are made loses nothing", async () => {
  for (let at = 0, isDone = false; !isDone; at += at < 8 ? 1 : 9) {
    const store = await codedStore(6, 2);
    const { machine, process } = store;
    const [entry] = await entriesOf(process);
    await damage(store, [0]);
    const away = memoryDiskOf(machine, entry!.row.members[1]!.disk);
    const identity = must(away.files.get(identityFile), "a disk has an identity");
    away.files.delete(identityFile);
    await later(store, 5000);
    const tasks = repairTasks(machine, process);
    const repair = must(
      tasks.tasks.find(({ name }) => name === "repair"),
      "repair is a task",
    );
    await repair.step(signal);
    await later(store, 70_000);
    let left = at;
    for (const disk of machine.memoryDisks) {
      disk.before = () => {
        if (left-- !== 0) return;
        process.kill();
        throw new DiskError("io", "the machine stops");
      };
    }
    if (at % 2 === 1) process.dieAtCommit((at - 1) / 2);
    await endsKilled(runUntilIdle({ tasks: [repair] }));
    isDone = left > 0 && at % 2 === 0;
    for (const disk of machine.memoryDisks) disk.before = () => {};
    process.kill();
    away.files.set(identityFile, identity);
    const second = await machine.start("background");
    const after = { ...store, process: second };
    await runUntilIdle(repairTasks(machine, second));
    await later(after, 70_000);
    await runUntilIdle(repairTasks(machine, second));
    await assertWhole(after);
  }
});

async function endsKilled(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (thrown) {
    if (!(thrown instanceof Killed) && !isDiskError(thrown, "io")) throw thrown;
  }
}

test("C4: members are not made from damaged ones: what cannot be proved is left as it is", async () => {
  const store = await codedStore(4);
  const { machine, process } = store;
  const before = new Map<string, Uint8Array>();
  await damage(store, [0, 1, 2]);
  for (const disk of machine.memoryDisks) {
    for (const [path, bytes] of disk.files) before.set(disk.name + path, bytes.slice());
  }
  await later(store);
  const tasks = repairTasks(machine, process);
  await runUntilIdle(tasks);
  assert.equal(tasks.counters.membersRepaired, 0);
  for (const disk of machine.memoryDisks) {
    for (const [path, bytes] of disk.files) {
      if (path.endsWith(".extent")) assert.deepEqual(bytes, before.get(disk.name + path));
    }
  }
});

test("C9: a file that is not the member's is left alone, and the member is made elsewhere", async () => {
  const store = await codedStore(5);
  const { machine, process } = store;
  const [entry] = await entriesOf(process);
  const place = { disk: entry!.row.members[0]!.disk, layout: entry!.row.layout };
  const file = must(fileOf(machine, entry!.id, place), "a file");
  file.fill(7);
  await note(process, entry!, 0);
  await later(store);
  const tasks = repairTasks(machine, process);
  await runUntilIdle(tasks);
  await later(store, 70_000);
  await runUntilIdle(tasks);
  const now = must(await process.table.get(entry!.id), "it stays");
  assert.notEqual(now.row.members[0]!.disk, place.disk);
  assert.deepEqual(contentOf(machine, now), store.before.get(now.id));
  assert.ok(fileOf(machine, now.id, place)!.every((byte) => byte === 7));
  assert.equal(tasks.counters.filesKept, 1);
});

test("repair: does not try over and over where a file leaves that has the member's name", async () => {
  const store = await codedStore(5);
  const { machine, process } = store;
  const [entry] = await entriesOf(process);
  const { row } = entry!;
  const [lost] = row.members;
  const used = new Set(row.members.map(({ disk }) => disk));
  const { id: free } = must(
    process.disks.disks.find(({ id }) => !used.has(id)),
    "a fifth disk",
  );
  const left = { layout: row.layout, scheme: row.scheme, member: 0, disk: free };
  const leavingMs = machine.platform.clock.now();
  await process.table.replace(entry!, { ...row, leaving: [left], leavingMs });
  const endRead = process.reads.begin();
  memoryDiskOf(machine, lost!.disk).files.delete(identityFile);
  const tasks = repairTasks(machine, process);
  await later(store);
  await runUntilIdle(tasks);
  await later(store, 70_000);
  await runUntilIdle(tasks);
  const resting = must(await process.table.get(entry!.id), "it stays");
  assert.deepEqual([resting.row.members[0]!.disk, resting.row.coming], [lost!.disk, []]);
  endRead();
  await later(store, 70_000);
  await runUntilIdle(tasks);
  await later(store, 70_000);
  await runUntilIdle(tasks);
  assert.equal((await process.table.get(entry!.id))!.row.members[0]!.disk, free);
});

/** A store of extents with a copy on one disk, and another one that is missing on the next. */
async function storeOfCopies(): Promise<Coded> {
  const machine = await createTestMachine(hash, 2048, 2);
  await storeObjects(machine, 4);
  const process = await machine.start("background");
  const before = await contentsOf(machine, process);
  for (const entry of await entriesOf(process)) {
    const [first, second, ...others] = entry.row.members;
    for (const { disk } of [second!, ...others]) {
      memoryDiskOf(machine, disk).files.delete(extentPath(entry.id, entry.row.layout));
    }
    const members = [first!, { ...second!, state: "missing" as const }];
    const copies = { kind: "replicated", copies: 2, quorum: 2 } as const;
    await process.table.replace(entry, { ...entry.row, scheme: copies, members });
  }
  return { machine, process, before };
}

/** The tasks without one that encodes. */
function copyTasks({ machine, process }: Coded, memberReserveBytes = 2048) {
  const all = tasksOf(machine, process, { diskGraceMs: 60_000, memberReserveBytes });
  return { ...all, tasks: all.tasks.filter(({ name }) => name !== "extent inventory") };
}

test("C5: a copy is made from another one", async () => {
  const store = await storeOfCopies();
  const tasks = copyTasks(store);
  await runUntilIdle(tasks);
  await assertWhole(store);
  assert.equal(tasks.counters.membersRepaired, store.before.size);
});

test("C8: extents with fewer copies than new ones have are rewritten", async () => {
  const machine = await createTestMachine(hash, 2048, 3);
  await storeObjects(machine, 4);
  const process = await machine.start("background");
  const entries = await entriesOf(process);
  for (const entry of entries) {
    const members = entry.row.members.slice(0, 1);
    for (const { disk } of entry.row.members.slice(1)) {
      memoryDiskOf(machine, disk).files.delete(extentPath(entry.id, entry.row.layout));
    }
    const alone = { kind: "replicated", copies: 1, quorum: 1 } as const;
    await process.table.replace(entry, { ...entry.row, scheme: alone, members });
  }
  const store = { machine, process, before: new Map() };
  for (let rounds = 0; rounds < 3; rounds++) {
    await runUntilIdle(copyTasks(store));
    await later(store, 1000);
  }
  const rows = (await entriesOf(process)).filter(({ row }) => row.state !== "dropping");
  assert.ok(rows.length > 0);
  assert.deepEqual(
    rows.map(({ row }) => row.members.length),
    rows.map(() => 3),
  );
});

/** What the extents are that are not dropped yet, after some rounds of all tasks but encoding. */
async function rowsAfterRounds(store: Coded, reserveBytes?: number): Promise<ExtentEntry["row"][]> {
  const tasks = copyTasks(store, reserveBytes);
  for (let rounds = 0; rounds < 4; rounds++) {
    await runUntilIdle(tasks);
    await later(store, 61_000);
  }
  const entries = await entriesOf(store.process);
  return entries.map(({ row }) => row).filter(({ state }) => state !== "dropping");
}

/** Makes the process see the disk as it does once it has read the registry. */
function setEmptying({ process, machine }: Coded, emptied: DiskId): Promise<unknown> {
  const rows = machine.disks.disks.map(({ id }, i) => {
    const state = id === emptied ? ("emptying" as const) : ("active" as const);
    return newDiskRow({ disk: id, addedMs: 1, name: `/data${i}`, state });
  });
  Object.assign(process.disks, { rows: new Map(rows.map((row) => [row.disk, row])) });
  return changeDisks(registryOf(process.keymap), () => rows);
}

for (const kept of ["shards", "copies"] as const) {
  test(`C8: a disk is emptied of ${kept} that no other disk takes`, async () => {
    const store = await (kept === "shards" ? codedStore(4) : wholeCopies());
    const [emptied] = await usedDisks(store.process);
    await setEmptying(store, emptied!);
    await later(store);
    const rows = await rowsAfterRounds(store);
    assert.ok(rows.length > 0);
    for (const { members, scheme: now } of rows) {
      assert.equal(now.kind, "replicated");
      assert.equal(members.length, kept === "shards" ? 3 : 2);
      assert.ok(members.every(({ disk, state }) => disk !== emptied && state === "whole"));
    }
  });
}

/** A store of three disks, each of which has a copy of all. */
async function wholeCopies(): Promise<Coded> {
  const machine = await createTestMachine(hash, 2048, 3);
  await storeObjects(machine, 4);
  const process = await machine.start("background");
  return { machine, process, before: await contentsOf(machine, process) };
}

test("C8: shards that no disk takes, of a disk that has gone, are rewritten; copies are not", async () => {
  const coded = await codedStore(4);
  memoryDiskOf(coded.machine, (await usedDisks(coded.process))[0]!).files.clear();
  const rows = await rowsAfterRounds(coded);
  assert.deepEqual(
    [...new Set(rows.map(({ scheme: { kind }, members }) => `${kind} ${members.length}`))],
    ["replicated 3"],
  );
  const copied = await wholeCopies();
  const before = (await entriesOf(copied.process)).map(({ id }) => id);
  memoryDiskOf(copied.machine, (await usedDisks(copied.process))[1]!).files.clear();
  await rowsAfterRounds(copied);
  assert.deepEqual(
    (await entriesOf(copied.process)).map(({ id }) => id),
    before,
  );
});

test("C8: members that no disk takes are not counted any longer once their extent is rewritten", async () => {
  const store = await codedStore(4);
  const [emptied] = await usedDisks(store.process);
  await setEmptying(store, emptied!);
  await later(store);
  const tasks = copyTasks(store);
  const walked = store.machine.platform.clock.monotonicMs();
  await stepUntil(
    must(
      tasks.tasks.find(({ name }) => name === "repair"),
      "repair",
    ),
    () => {
      return tasks.repairStatistics().stuck > 0;
    },
  );
  for (let rounds = 0; rounds < 4; rounds++) {
    await runUntilIdle(tasks);
    await later(store, 61_000);
  }
  assert.ok(store.machine.platform.clock.monotonicMs() - walked < 600_000, "no other walk");
  const { extents, stuck, leftMs } = tasks.repairStatistics();
  assert.deepEqual({ extents, stuck, leftMs }, { extents: 0, stuck: 0, leftMs: 0 });
});

test("C6: nothing is rewritten where there is no space for it", async () => {
  const store = await codedStore(4);
  const [emptied] = await usedDisks(store.process);
  await setEmptying(store, emptied!);
  await later(store);
  const { bytesFree } = memoryDiskOf(store.machine, emptied!);
  const rows = await rowsAfterRounds(store, bytesFree);
  for (const { scheme: now } of rows) assert.equal(now.kind, "coded");
});

test("C5: no copy is made of bytes that no record proves", async () => {
  const store = await storeOfCopies();
  const { machine, process } = store;
  const [entry] = await entriesOf(process);
  const place = { disk: entry!.row.members[0]!.disk, layout: 0 };
  must(fileOf(machine, entry!.id, place), "a file")[extentHeaderBytes + 300]! ^= 1;
  const tasks = copyTasks(store);
  const repair = must(
    tasks.tasks.find(({ name }) => name === "repair"),
    "repair is a task",
  );
  await runUntilIdle({ tasks: [repair] });
  const { row } = must(await process.table.get(entry!.id), "it stays");
  assert.equal(row.members[1]!.state, "missing");
  assert.equal(tasks.counters.membersRepaired, store.before.size - 1);
});

test("C4: a shard that was not made as it was is no member", async () => {
  const store = await codedStore(4, 2);
  await damage(store, [0]);
  const { platform } = store.machine;
  const spoiled = {
    ...platform.combiner,
    combineOffThread: (outputs: readonly Uint8Array[]) => {
      for (const output of outputs) output.fill(1);
      return Promise.resolve();
    },
    combine: (outputs: readonly Uint8Array[]) => outputs.forEach((output) => output.fill(1)),
  };
  Object.assign(platform, { combiner: spoiled });
  await later(store);
  const tasks = repairTasks(store.machine, store.process);
  await runUntilIdle(tasks);
  assert.equal(tasks.counters.membersRepaired, 0);
  for (const { row } of await entriesOf(store.process)) {
    assert.equal(row.members[0]!.state, "damaged");
  }
});

test("C5: a member that is not as it was written is no member", async () => {
  const store = await storeOfCopies();
  const { machine, process } = store;
  for (const disk of machine.memoryDisks) {
    const written = new Set<string>();
    disk.before = (operation, path) => {
      if (operation === "write" && path.endsWith(".extent")) written.add(path);
      const file = disk.files.get(path);
      const isSpoiled = operation === "read" && written.has(path) && file !== undefined;
      if (isSpoiled && file.length > extentHeaderBytes) file[extentHeaderBytes]! ^= 0xff;
    };
  }
  const tasks = copyTasks(store);
  const repair = must(
    tasks.tasks.find(({ name }) => name === "repair"),
    "repair is a task",
  );
  await runUntilIdle({ tasks: [repair] });
  assert.equal(tasks.counters.membersRepaired, 0);
  for (const { row } of await entriesOf(process)) assert.equal(row.members[1]!.state, "missing");
});

async function stepUntil(task: Task, holds: (outcome: StepOutcome) => boolean): Promise<void> {
  for (let steps = 0; !holds(await task.step(signal)); steps++) assert.ok(steps < 1000, "it holds");
}

test("repair: rests while an operator wants it, once the members at hand are made, also over a restart", async () => {
  const store = await codedStore();
  const { process, machine } = store;
  await damage(store, [0]);
  const tasks = repairTasks(machine, process);
  const repair = must(
    tasks.tasks.find(({ name }) => name === "repair"),
    "repair",
  );
  const answer = Promise.withResolvers<void>();
  for (const disk of machine.memoryDisks) {
    disk.before = (operation) => (operation === "write" ? answer.promise : undefined);
  }
  const step = repair.step(signal);
  assert.ok(await isPending(step));
  const atHand = tasks.repairStatistics().now.length;
  assert.ok(atHand > 1 && atHand < store.before.size);
  await changeWorkOrder(process.keymap, { task: "repair", disk: undefined }, (order) => {
    return { ...order, isPaused: true };
  });
  answer.resolve();
  for (const disk of machine.memoryDisks) disk.before = () => {};
  await step;
  await stepUntil(repair, (outcome) => outcome === "paused");
  assert.equal(tasks.counters.membersRepaired, atHand);
  const { isPaused, extents, now } = tasks.repairStatistics();
  assert.deepEqual([isPaused, extents, now], [true, store.before.size - atHand, []]);
  process.kill();
  const again = await machine.start("background");
  const second = repairTasks(machine, again);
  await runUntilIdle(second);
  assert.equal(second.counters.membersRepaired, 0);
  await changeWorkOrder(again.keymap, { task: "repair", disk: undefined }, (order) => {
    return { ...order, isPaused: false };
  });
  await runUntilIdle(second);
  await assertWhole({ ...store, process: again });
});

test("repair: what could not be made is tried again at once when an operator asks", async () => {
  const store = await codedStore();
  const { process, machine } = store;
  const tasks = repairTasks(machine, process);
  // Of four shards two are needed: with three damaged nothing can be made.
  await damage(store, [0, 1, 2]);
  await runUntilIdle(tasks);
  const before = machine.platform.events.filter((event) => event === "member_not_made").length;
  assert.ok(before > 0);
  await runUntilIdle(tasks);
  const idle = machine.platform.events.filter((event) => event === "member_not_made").length;
  assert.equal(idle, before);
  await changeWorkOrder(process.keymap, { task: "repair", disk: undefined }, (order) => {
    return { ...order, beginMs: machine.platform.clock.now() };
  });
  await runUntilIdle(tasks);
  const after = machine.platform.events.filter((event) => event === "member_not_made").length;
  assert.ok(after > before);
});

test("C8: the time that repair says is left holds within twofold, and none is said at first", async () => {
  const store = await codedStore(6, 200);
  const { process, machine } = store;
  await damage(store, [0]);
  const tasks = repairTasks(machine, process);
  const repair = must(
    tasks.tasks.find(({ name }) => name === "repair"),
    "repair",
  );
  const said: { readonly atMs: number; readonly leftMs: number | undefined }[] = [];
  const { clock } = machine.platform;
  // Each step takes a second, whatever it moves.
  const all = store.before.size;
  for (let steps = 0; tasks.counters.membersRepaired < all; steps++) {
    assert.ok(steps < 1000, "it ends");
    await repair.step(signal);
    await clock.advance(1000);
    said.push({ atMs: clock.monotonicMs(), leftMs: tasks.repairStatistics().leftMs });
  }
  assert.equal(said[0]?.leftMs, undefined);
  const endMs = clock.monotonicMs();
  for (const share of [0.1, 0.3, 0.5, 0.8]) {
    const { atMs, leftMs } = must(said[Math.floor(share * said.length)], "it was asked");
    const wasMs = endMs - atMs;
    const text = `${leftMs} said at ${share}, ${wasMs} it was`;
    assert.ok(leftMs !== undefined && leftMs > wasMs / 2 && leftMs < 2 * wasMs, text);
  }
  await runUntilIdle(tasks);
  assert.equal(tasks.repairStatistics().leftMs, 0);
  await assertWhole(store);
});
