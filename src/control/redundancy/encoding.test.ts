import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { StoreError } from "../../base/errors.ts";
import type { ShardScheme } from "../../format/extent-row.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import { isPending } from "../../extent/testing/manual-clock.ts";
import { createHash } from "../../node/platform/hash.ts";
import { DiskError, isDiskError } from "../../platform/disk.ts";
import { remove } from "../testing/objects.ts";
import {
  createTestMachine,
  Killed,
  tasksOf,
  type TestMachine,
  type TestProcess,
} from "../testing/processes.ts";
import {
  contentsOf,
  fileOf,
  filePaths,
  memoryDiskOf,
  storeObjects,
} from "./testing/coded-extents.ts";

const hash = createHash();
const { signal } = new AbortController();
const scheme: ShardScheme = { kind: "coded", code: "rs", data: 2, parity: 1 };
const objects = 8;

async function machineWithObjects(disks = 4, count = objects): Promise<TestMachine> {
  const machine = await createTestMachine(hash, 2048, disks);
  await storeObjects(machine, count);
  return machine;
}

/** The tasks that seal, reconcile, encode and take away; nothing of them reads shards. */
function codingTasks(machine: TestMachine, process: TestProcess) {
  const all = tasksOf(machine, process, {}, scheme);
  const tasks = all.tasks.filter(({ name }) => name !== "extent inventory");
  const step = async (): Promise<boolean> => {
    let isBusy = false;
    for (const task of tasks) isBusy = (await task.step(signal)) === "busy" || isBusy;
    return isBusy;
  };
  const runUntilIdle = async (): Promise<void> => {
    for (let rounds = 0; await step(); rounds++) assert.ok(rounds < 1000, "comes to rest");
  };
  const encoding = must(
    tasks.find(({ name }) => name === "encoding"),
    "encoding is a task",
  );
  const others = tasks.filter((task) => task !== encoding);
  const reclaim = must(
    tasks.find(({ name }) => name === "reclaim"),
    "reclaim is a task",
  );
  return { ...all, step, runUntilIdle, encoding, reclaim, others };
}

/** A store of 16 extents that only wait to be encoded. */
async function reconciledStore() {
  const machine = await machineWithObjects(8, 16);
  const process = await machine.start("background");
  const before = await contentsOf(machine, process);
  const { encoding, others, counters } = codingTasks(machine, process);
  for (let isBusy = true; isBusy;) {
    isBusy = false;
    for (const task of others) isBusy = (await task.step(signal)) === "busy" || isBusy;
  }
  return { machine, process, before, encoding, counters };
}

/** Each file on the disks is one that a row states, and each that a row states is there. */
async function assertFilesAreStated(machine: TestMachine, process: TestProcess): Promise<void> {
  const { stated, found } = await filePaths(machine, process);
  assert.deepEqual(found, stated);
}

async function assertAllCoded(machine: TestMachine, process: TestProcess): Promise<void> {
  const entries = await process.table.list(undefined, 1000);
  assert.ok(entries.length > 1);
  for (const { row } of entries) {
    assert.deepEqual(row.scheme, scheme);
    assert.deepEqual([row.coming, row.leaving, row.comingBy], [[], [], 0]);
    assert.equal(new Set(row.members.map(({ disk }) => disk)).size, 3);
    assert.ok(row.members.every(({ state }) => state === "whole"));
  }
  await assertFilesAreStated(machine, process);
}

test("encoding: extents at rest become shards, and nothing of the replicas is left", async () => {
  const machine = await machineWithObjects();
  const process = await machine.start("background");
  const before = await contentsOf(machine, process);
  const rows = await process.table.list(undefined, 1000);
  const copies = rows.reduce((sum, { row }) => sum + row.members.length, 0);
  const { runUntilIdle, counters } = codingTasks(machine, process);
  await runUntilIdle();
  await assertAllCoded(machine, process);
  assert.deepEqual(await contentsOf(machine, process), before);
  assert.equal(counters.extentsEncoded, before.size);
  assert.equal(counters.membersRemoved, copies);
  assert.ok(machine.memoryDisks.every(({ filesOpen }) => filesOpen === 0));
});

test("encoding: several extents are encoded at the same time, and no more than three", async () => {
  const { machine, process, before, encoding, counters } = await reconciledStore();
  const { clock } = machine.platform;
  // Each write takes a second.
  let writes = 0;
  for (const disk of machine.memoryDisks) {
    disk.before = async (operation, path) => {
      if (operation !== "write" || !path.endsWith(".extent")) return;
      writes++;
      await clock.sleep(1000);
    };
  }
  const begunMs = clock.monotonicMs();
  let comingMax = 0;
  while (counters.extentsEncoded < before.size) {
    const step = encoding.step(signal);
    while (await isPending(step)) await clock.advance(1000);
    await step;
    const rows = (await process.table.list(undefined, 1000)).map(({ row }) => row);
    comingMax = Math.max(comingMax, rows.filter(({ coming }) => coming.length > 0).length);
  }
  assert.equal(comingMax, 3);
  const tookMs = clock.monotonicMs() - begunMs;
  assert.ok(tookMs < (1000 * writes) / 2, `${tookMs} ms for ${writes} writes`);
  for (const disk of machine.memoryDisks) disk.before = () => {};
  await codingTasks(machine, process).runUntilIdle();
  await assertAllCoded(machine, process);
  assert.deepEqual(await contentsOf(machine, process), before);
});

test("encoding: a disk that hangs holds up the encoding of no other extent", async () => {
  const { machine, process, before, encoding, counters } = await reconciledStore();
  const { clock } = machine.platform;
  const answer = Promise.withResolvers<void>();
  let isHanging = true;
  for (const disk of machine.memoryDisks) {
    disk.before = (operation, path) => {
      if (!isHanging || operation !== "write" || !path.endsWith(".extent")) return undefined;
      isHanging = false;
      return answer.promise;
    };
  }
  const begunMs = clock.monotonicMs();
  while (counters.extentsEncoded < before.size - 1) {
    const step = encoding.step(signal);
    while (await isPending(step)) await clock.advance(1000);
    await step;
    assert.ok(clock.monotonicMs() - begunMs < 5000, "nobody waits for it");
  }
  answer.resolve();
  await codingTasks(machine, process).runUntilIdle();
  await encoding.step(signal);
  await codingTasks(machine, process).runUntilIdle();
  await assertAllCoded(machine, process);
  assert.deepEqual(await contentsOf(machine, process), before);
});

test("encoding: what fails together with the index's commits is begun anew once these work", async () => {
  const machine = await machineWithObjects();
  const process = await machine.start("background");
  const { runUntilIdle, step, encoding, others } = codingTasks(machine, process);
  for (let round = 0; round < 300; round++) for (const task of others) await task.step(signal);
  let isFailing = false;
  const replace = process.table.replace.bind(process.table);
  Object.assign(process.table, {
    replace: (...args: Parameters<typeof replace>) =>
      isFailing ? Promise.reject(new StoreError("unavailable", "no commits")) : replace(...args),
  });
  for (const disk of machine.memoryDisks) {
    disk.before = (operation, path) => {
      if (operation !== "write" || !path.endsWith(".extent")) return;
      isFailing = true;
      throw new DiskError("io", "broken");
    };
  }
  let failures = 0;
  for (let steps = 0; steps < 6; steps++) await encoding.step(signal).catch(() => failures++);
  assert.ok(isFailing && failures > 0);
  isFailing = false;
  for (const disk of machine.memoryDisks) disk.before = () => undefined;
  for (let rounds = 0; rounds < 4; rounds++) {
    await machine.platform.clock.advance(600_000);
    process.reads.endPeriod();
    await step();
    await runUntilIdle();
  }
  await assertAllCoded(machine, process);
});

test("C5: a crash before any commit of encoding loses nothing and leaves nothing", async () => {
  for (let commit = 0; ; commit++) {
    const machine = await machineWithObjects(4, 4);
    const first = await machine.start("background");
    const before = await contentsOf(machine, first);
    first.dieAtCommit(commit);
    const isDead = await endsKilled(codingTasks(machine, first).runUntilIdle());
    const second = await machine.start("background");
    await codingTasks(machine, second).runUntilIdle();
    await assertAllCoded(machine, second);
    assert.deepEqual(await contentsOf(machine, second), before);
    if (!isDead) {
      assert.ok(commit > 4);
      break;
    }
  }
});

test("C5: a crash at any operation of a disk while it is encoded loses nothing and leaves nothing", async () => {
  for (let operation = 0; ; operation += operation < 40 ? 1 : 3) {
    const machine = await machineWithObjects(4, 4);
    const first = await machine.start("background");
    const before = await contentsOf(machine, first);
    const { encoding, others } = codingTasks(machine, first);
    for (let busy = true; busy;) {
      busy = false;
      for (const task of others) busy = (await task.step(signal)) === "busy" || busy;
    }
    let left = operation;
    const count = (): void => {
      if (left-- !== 0) return;
      first.kill();
      throw new DiskError("io", "the machine stops");
    };
    for (const disk of machine.memoryDisks) disk.before = count;
    const isDead = await endsKilled(encoding.step(signal).then(() => encoding.step(signal)));
    assert.equal(isDead, left < 0);
    for (const disk of machine.memoryDisks) disk.before = () => {};
    first.kill();
    const second = await machine.start("background");
    await codingTasks(machine, second).runUntilIdle();
    await assertAllCoded(machine, second);
    assert.deepEqual(await contentsOf(machine, second), before);
    if (!isDead) {
      assert.ok(operation > 30);
      break;
    }
  }
});

/** Takes steps until the first extent is being encoded. */
async function beginEncoding({ encoding, reclaim }: ReturnType<typeof codingTasks>): Promise<void> {
  for (let round = 0; (await encoding.step(signal)) === "idle"; round++) {
    assert.ok(round < 100, "something is encoded");
    await reclaim.step(signal);
  }
}

async function endsKilled(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return false;
  } catch (thrown) {
    if (thrown instanceof Killed || isDiskError(thrown, "io")) return true;
    throw thrown;
  }
}

test("C5: what a living session is making stays, and goes once it has ended", async () => {
  const machine = await machineWithObjects();
  const maker = await machine.start("background");
  const tasks = codingTasks(machine, maker);
  await beginEncoding(tasks);
  const coming = (await maker.table.list(undefined, 100)).find(({ row }) => row.coming.length > 0);
  assert.ok(coming !== undefined, "something is being made");
  const other = await machine.start("background");
  const idle = tasksOf(machine, other).tasks.filter(({ name }) => name !== "extent inventory");
  for (let round = 0; round < 20; round++) for (const task of idle) await task.step(signal);
  assert.deepEqual((await other.table.get(coming.id))?.row.coming, coming.row.coming);
  maker.kill();
  for (let round = 0; round < 20; round++) for (const task of idle) await task.step(signal);
  const { row } = must(await other.table.get(coming.id), "the extent stays");
  assert.deepEqual([row.coming, row.leaving], [[], []]);
  await assertFilesAreStated(machine, other);
});

test("C5: an extent of which no copy has some record whole is not encoded, and nothing is made of it", async () => {
  const machine = await machineWithObjects();
  const process = await machine.start("background");
  const [entry] = await process.table.list(undefined, 1);
  assert.ok(entry !== undefined);
  for (const { disk } of entry.row.members) {
    const file = must(fileOf(machine, entry.id, { disk, layout: 0 }), "a copy");
    file[extentHeaderBytes + 300]! ^= 1;
  }
  const { runUntilIdle, counters } = codingTasks(machine, process);
  await runUntilIdle();
  const { row } = must(await process.table.get(entry.id), "it stays");
  assert.deepEqual([row.scheme.kind, row.coming, row.leaving], ["replicated", [], []]);
  assert.ok(counters.corruptions > 0);
  assert.ok(machine.platform.events.includes("extent_not_encoded"));
  await assertFilesAreStated(machine, process);
});

test("C5: a shard that is not as it was written is noticed before the row changes", async () => {
  const machine = await machineWithObjects(3);
  const process = await machine.start("background");
  const [disk] = machine.memoryDisks;
  assert.ok(disk !== undefined);
  // A disk that spoils the first byte of each shard, once it has said that it has it.
  disk.before = (operation, path) => {
    if (operation !== "read" || !path.includes("-1.extent")) return;
    const file = disk.files.get(path);
    if (file !== undefined && file.length > extentHeaderBytes) file[extentHeaderBytes]! ^= 0xff;
  };
  const { runUntilIdle, counters } = codingTasks(machine, process);
  await runUntilIdle();
  disk.before = () => {};
  for (const { row } of await process.table.list(undefined, 100)) {
    assert.equal(row.scheme.kind, "replicated");
  }
  assert.equal(counters.extentsEncoded, 0);
  await assertFilesAreStated(machine, process);
});

test("C5: replicas stay while a read that began before may need them", async () => {
  const machine = await machineWithObjects();
  const process = await machine.start("background");
  const before = await filePaths(machine, process);
  const { runUntilIdle, counters } = codingTasks(machine, process);
  const ended = process.reads.begin();
  await runUntilIdle();
  assert.equal(counters.extentsEncoded, (await process.table.list(undefined, 1000)).length);
  const { found } = await filePaths(machine, process);
  assert.deepEqual(
    before.found.filter((path) => !found.includes(path)),
    [],
  );
  ended();
  process.reads.endPeriod();
  await runUntilIdle();
  await assertAllCoded(machine, process);
});

test("encoding: an extent that is dropped meanwhile goes with all that was made of it", async () => {
  const machine = await machineWithObjects();
  const maker = await machine.start("background");
  const tasks = codingTasks(machine, maker);
  await beginEncoding(tasks);
  const other = await machine.start("background");
  for (let i = 0; i < objects; i++) await remove(other, `key ${i}`);
  for (const entry of await other.table.list(undefined, 100)) {
    await other.table.replace(entry, { ...entry.row, state: "dropping" });
  }
  await tasks.encoding.step(signal);
  const rows = (await other.table.list(undefined, 100)).map(({ row }) => row);
  assert.ok(rows.every(({ coming }) => coming.length === 0));
  assert.ok(rows.some(({ leaving }) => leaving.length > 0));
  maker.kill();
  await codingTasks(machine, other).runUntilIdle();
  assert.deepEqual(await other.table.list(undefined, 100), []);
  await assertFilesAreStated(machine, other);
});

test("encoding: bytes that die while an extent is encoded are counted", async () => {
  const machine = await machineWithObjects();
  const process = await machine.start("background");
  const tasks = codingTasks(machine, process);
  await beginEncoding(tasks);
  const entries = await process.table.list(undefined, 100);
  const begun = must(
    entries.find(({ row }) => row.coming.length > 0),
    "one is being encoded",
  );
  await process.table.replace(begun, { ...begun.row, deadBytes: 7, comingBy: begun.row.comingBy });
  await tasks.encoding.step(signal);
  const { row } = must(await process.table.get(begun.id), "it stays");
  assert.deepEqual([row.scheme, row.deadBytes], [scheme, 7]);
  assert.notEqual(row.comingBy, process.keymap.session.id);
});

test("encoding: files on a disk that is not there stay in the row until it is back", async () => {
  const machine = await machineWithObjects();
  const process = await machine.start("background");
  const tasks = codingTasks(machine, process);
  const leaves = async (): Promise<boolean> =>
    (await process.table.list(undefined, 100)).some(({ row }) => row.leaving.length > 0);
  for (let round = 0; round < 100 && !(await leaves()); round++) {
    await tasks.reclaim.step(signal);
    await tasks.encoding.step(signal);
  }
  const entries = await process.table.list(undefined, 100);
  const entry = must(
    entries.find(({ row }) => row.leaving.length > 0),
    "a replica leaves",
  );
  const left = must(entry.row.leaving[0], "a replica leaves");
  const disk = memoryDiskOf(machine, left.disk);
  const identity = must(disk.files.get("holdfast.json"), "a disk has an identity");
  disk.files.delete("holdfast.json");
  for (let round = 0; round < 10; round++) await tasks.reclaim.step(signal);
  assert.ok(
    (await process.table.get(entry.id))?.row.leaving.some(({ disk }) => disk === left.disk),
  );
  disk.files.set("holdfast.json", identity);
  await codingTasks(machine, process).runUntilIdle();
  assert.deepEqual((await process.table.get(entry.id))?.row.leaving, []);
});
