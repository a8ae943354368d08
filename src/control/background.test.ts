import assert from "node:assert/strict";
import { test } from "node:test";
import { StoreError, isStoreError } from "../base/errors.ts";
import { decodeBucketFenceRow, encodeBucketFenceRow } from "../format/bucket-row.ts";
import { extentDirectory, extentPath } from "../extent/extent-files.ts";
import type { ExtentRow } from "../format/extent-row.ts";
import { firstLayout } from "../format/extent-row.ts";
import type { BucketId, ExtentId } from "../format/ids.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import { bucketFenceKey, space, spaceRange } from "../format/row-keys.ts";
import { renewLease } from "../keymap/leases.ts";
import { listSessions } from "../keymap/sessions.ts";
import { createTestPlatform } from "../keymap/testing/test-platform.ts";
import { createHash } from "../node/platform/hash.ts";
import { createCounters } from "./counters.ts";
import { ExtentClaims } from "./extents/extent-claims.ts";
import { ExtentSweep } from "./extents/extent-sweep.ts";
import { ExtentWorklist } from "./extents/extent-worklist.ts";
import { Liveness } from "./extents/liveness.ts";
import { Manifests } from "./extents/manifests.ts";
import { GarbageDrain } from "./garbage-drain.ts";
import { GenerationKeeper } from "./generation-keeper.ts";
import { TransferMeter } from "../extent/metered-disks.ts";
import { createBackground } from "./background.ts";
import { TransferBudget } from "./transfer-budget.ts";
import { around } from "./testing/around.ts";
import {
  beginUpload,
  complete,
  makeBucket,
  putChunks,
  putPart,
  read,
  remove,
  useVersions,
} from "./testing/objects.ts";
import type { TestMachine, TestProcess } from "./testing/processes.ts";
import { Killed, createTestMachine, keptIn, tasksOf } from "./testing/processes.ts";
import type { StepOutcome } from "./task-loop.ts";
import { ShippingWait } from "./shipping-wait.ts";
import { createTaskLoop } from "./task-loop.ts";
import { readRow } from "../engine/engine.ts";

const hash = createHash();
const chunksOf = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${name}-${i};`.repeat(8));

/**
 * A store whose first front end has ended after it put this and more; one extent per few chunks.
 */
async function withGarbage(): Promise<TestMachine> {
  const machine = await createTestMachine(hash);
  const front = await machine.start("front-end");
  await makeBucket(front);
  for (let i = 0; i < 4; i++) {
    await putChunks(front, `kept ${i}`, chunksOf(`kept ${i}`, 1));
    await putChunks(front, `gone ${i}`, chunksOf(`gone ${i}`, 3));
  }
  for (let i = 0; i < 4; i++) await remove(front, `gone ${i}`);
  await front.stop();
  return machine;
}

async function assertKept(process: TestProcess): Promise<void> {
  for (let i = 0; i < 4; i++) {
    assert.equal(await read(process, `kept ${i}`), chunksOf(`kept ${i}`, 1).join(""));
  }
}

const openRow: Omit<ExtentRow, "session"> = {
  state: "open",
  scheme: { kind: "replicated", copies: 1, quorum: 1 },
  members: [],
  epoch: 1,
  storageClass: "STANDARD",
  bucketScheme: undefined,
  createdMs: 0,
  sealedMs: 0,
  length: 0,
  deadBytes: 0,
  droppedMs: 0,
  ...firstLayout,
};

/** Waits a second, in which the others that live renew their leases. */
async function letReadsEnd(machine: TestMachine, ...others: TestProcess[]): Promise<void> {
  await machine.platform.clock.advance(1000);
  // What began before the first renewal that we see may have begun in the period after it.
  for (const other of [...others, ...others]) await renewLease(other);
}

const statesOf = async (process: TestProcess): Promise<string[]> =>
  (await process.table.list(undefined, 1000)).map(({ row }) => row.state);

test("C5: a dead process is fenced, then what it had open is sealed at what it had synced", async () => {
  const machine = await createTestMachine(hash);
  const [dead, alive] = [await machine.start("front-end"), await machine.start("front-end")];
  await makeBucket(alive);
  await putChunks(dead, "a", ["acknowledged"]);
  await putChunks(alive, "b", ["also"]);
  assert.deepEqual(await statesOf(alive), ["open", "open"]);
  dead.kill();
  const background = await machine.start("background");
  const { tasks, counters } = tasksOf(machine, background);
  const [deadWriters] = tasks;
  assert.equal(await deadWriters!.step(new AbortController().signal), "idle");
  assert.deepEqual(await statesOf(alive), ["settled", "open"]);
  assert.equal(await read(alive, "a"), "acknowledged");
  const sessions = (await listSessions(alive.keymap)).map(({ session }) => session);
  assert.deepEqual(sessions, [alive.keymap.session.id, background.keymap.session.id]);
  assert.deepEqual([counters.sessionsFenced, counters.extentsSealed], [1, 1]);
  await putChunks(alive, "b", ["goes on"]);
});

test("C5: an extent stays while a read that began before its data moved is under way", async () => {
  const machine = await withGarbage();
  const front = await machine.start("front-end");
  const ended = front.reads.begin();
  const background = await machine.start("background");
  const tasks = tasksOf(machine, background);
  const { counters } = tasks;
  await letReadsEnd(machine, front);
  await tasks.runUntilIdle();
  assert.ok(counters.extentsCompacted > 0);
  assert.equal(counters.extentsDropped, 0);
  ended();
  await tasks.runUntilIdle();
  assert.equal(counters.extentsDropped, 0, "nobody has said so yet");
  await letReadsEnd(machine, front);
  await tasks.runUntilIdle();
  assert.equal(counters.extentsDropped, counters.extentsCompacted);
  await assertKept(front);
});

test("C5: an extent stays while another process reads from it, though the clock is set back or forwards", async () => {
  const dayMs = 24 * 3_600_000;
  for (const [beforeMs, afterMs] of [
    [-10 * dayMs, 0],
    [0, 10 * dayMs],
  ] as const) {
    const machine = await withGarbage();
    const front = await machine.start("front-end");
    const ended = front.reads.begin();
    machine.platform.clock.setWall(beforeMs);
    const tasks = tasksOf(machine, await machine.start("background"));
    const { counters } = tasks;
    await letReadsEnd(machine, front);
    await tasks.runUntilIdle();
    machine.platform.clock.setWall(afterMs);
    await letReadsEnd(machine, front);
    await tasks.runUntilIdle();
    assert.ok(counters.extentsCompacted > 0);
    assert.equal(counters.extentsDropped, 0);
    ended();
    await letReadsEnd(machine, front);
    await tasks.runUntilIdle();
    assert.equal(counters.extentsDropped, counters.extentsCompacted);
  }
});

test("C6: an endless read keeps an extent for a limited time", async () => {
  const machine = await withGarbage();
  const front = await machine.start("front-end");
  front.reads.begin();
  const background = await machine.start("background");
  const tasks = tasksOf(machine, background, { oldReadMs: 5000 });
  const { counters } = tasks;
  await tasks.runUntilIdle();
  await machine.platform.clock.advance(4000);
  await tasks.runUntilIdle();
  assert.equal(counters.extentsDropped, 0);
  await machine.platform.clock.advance(2000);
  await renewLease(front);
  await tasks.runUntilIdle();
  assert.equal(counters.extentsDropped, counters.extentsCompacted);
});

test("C4: an extent with a record that does not verify is left as it is, and said so", async () => {
  const machine = await withGarbage();
  const background = await machine.start("background");
  const [path] = [...machine.disk.files.keys()].filter((name) => name.endsWith(".extent"));
  const bytes = machine.disk.files.get(path!)!;
  const kept = Buffer.from(bytes).indexOf("kept 0-0;kept");
  assert.ok(kept > extentHeaderBytes);
  bytes[kept]! ^= 1;
  const tasks = tasksOf(machine, background);
  const { counters } = tasks;
  await tasks.runUntilIdle();
  await machine.platform.clock.advance(1000);
  await tasks.runUntilIdle();
  assert.ok(machine.disk.files.has(path!));
  assert.equal(counters.corruptions, 1);
  assert.ok(counters.extentsDropped > 0, "the others are reclaimed");
  assert.ok(machine.platform.events.includes("extent_damaged"));
  await assert.rejects(read(background, "kept 0"), (thrown) => isStoreError(thrown, "corrupt"));
  bytes[kept]! ^= 1;
  await assertKept(background);
});

test("C2: compaction: an extent whose rows are overwritten all the time is put off without an error", async () => {
  const machine = await withGarbage();
  const front = await machine.start("front-end");
  const background = await machine.start("background");
  const [partition] = front.keymap.partitions;
  let isBusy = true;
  const keymap = around(background.keymap, async (call) => {
    if (call !== "commit" || !isBusy) return;
    const heads = await partition!.scan(spaceRange(space.heads), { limit: 100 });
    const puts = heads.map(({ key, value }) => ({ key, value }));
    await partition!.commit({
      id: front.keymap.session.nextChangeId(),
      checks: [],
      puts,
      deletes: [],
    });
  });
  const tasks = tasksOf(machine, { ...background, keymap });
  await tasks.runUntilIdle();
  assert.ok(machine.platform.events.includes("extent_put_off"));
  assert.ok(!machine.platform.events.includes("extent_left_alone"));
  isBusy = false;
  await machine.platform.clock.advance(61_000);
  await tasks.runUntilIdle();
  assert.ok(tasks.counters.extentsCompacted > 0);
  await assertKept(front);
});

test("C5: a part that becomes an object while its data moves is not lost", async () => {
  const machine = await createTestMachine(hash);
  const front = await machine.start("front-end");
  await makeBucket(front);
  const upload = await beginUpload(front, "multipart");
  await putPart(front, "multipart", upload, 1, chunksOf("one", 2));
  await putChunks(front, "gone", ["gone"]);
  await remove(front, "gone");
  await front.stop();
  const other = await machine.start("front-end");
  const background = await machine.start("background");
  let completed = 0;
  const { writer: own } = background;
  const writer: TestProcess["writer"] = {
    name: own.name,
    append: async (...args) => {
      if (completed++ === 0) await complete(other, "multipart", upload);
      return own.append(...args);
    },
    assertInPlace: (refs) => own.assertInPlace(refs),
    release: (refs) => own.release(refs),
    run: (signal) => own.run(signal),
    membersNow: (extentClass) => own.membersNow(extentClass),
    statistics: () => own.statistics(),
  };
  const tasks = tasksOf(machine, { ...background, writer });
  const { counters } = tasks;
  for (let round = 0; round < 3; round++) {
    await tasks.runUntilIdle();
    await letReadsEnd(machine, other);
  }
  assert.ok(completed > 0 && counters.extentsDropped > 0);
  assert.equal(await read(other, "multipart"), chunksOf("one", 2).join(""));
});

test("C5: a manifest stays while garbage that is not drained yet needs it", async () => {
  const machine = await createTestMachine(hash);
  const front = await machine.start("front-end");
  await makeBucket(front);
  await putChunks(front, "long", chunksOf("long", 30));
  await front.stop();
  const background = await machine.start("background");
  await tasksOf(machine, background).runUntilIdle();
  await remove(background, "long");
  const manifests = new Manifests(background);
  const liveness = new Liveness(background.keymap, manifests);
  const counters = createCounters();
  const worklist = new ExtentWorklist(background.table, machine.platform.clock);
  const parts = { ...background, manifests, liveness, counters, worklist };
  const generation = new GenerationKeeper({ ...background, everyMs: 1000 });
  const limits = { deadShare: 1e-9, smallBytes: 0, mergedAtOnce: 8, oldReadMs: 1000 };
  const idle = {
    claims: new ExtentClaims(),
    settledDown: () => undefined,
    drops: { add: () => undefined },
    shippingWait: new ShippingWait({ platform: machine.platform, shipping: undefined }),
  };
  const restoreWindow = { isHeld: () => false };
  const sweep = new ExtentSweep({ ...parts, ...limits, ...idle, generation, restoreWindow });
  const drain = new GarbageDrain({
    ...parts,
    restMs: 0,
    counted: (extent) => worklist.add(extent),
  });
  const { signal } = new AbortController();
  // As if much of each were known to be dead, so that all are compacted before the drain gets to
  // this deletion.
  for (const entry of await background.table.list(undefined, 100)) {
    if (entry.row.state !== "reconciled") continue;
    await background.table.replace(entry, { ...entry.row, deadBytes: 1 });
  }
  for (let step = 0; step < 50; step++) await sweep.step(signal);
  assert.ok(counters.extentsCompacted > 0);
  const before = new Map((await background.table.list(undefined, 100)).map((one) => [one.id, one]));
  assert.ok([...before.values()].some(({ row }) => row.state === "reconciled"));
  assert.equal(await drain.step(), "busy");
  assert.deepEqual([counters.garbageRowsDrained, counters.corruptions], [1, 0]);
  for (let step = 0; step < 50; step++) await sweep.step(signal);
  const after = await background.table.list(undefined, 100);
  assert.ok(after.every(({ row }) => row.state === "dropping"));
});

test("a bucket left in the middle of its deletion is opened again, fences of none are removed", async () => {
  const machine = await createTestMachine(hash);
  const [dead, alive] = [await machine.start("front-end"), await machine.start("front-end")];
  await makeBucket(alive);
  const close = async (process: TestProcess, bucket: BucketId) => {
    const row = encodeBucketFenceRow({ state: "deleting", versioningNumber: 1, versioning: "off" });
    const puts = [{ key: bucketFenceKey(bucket), value: row }];
    const id = process.keymap.session.nextChangeId();
    await process.keymap.partitions[0]!.commit({ id, checks: [], puts, deletes: [] });
  };
  const [bucket, orphan, busy] = [1, 7, 8] as BucketId[];
  await close(dead, bucket!);
  await close(dead, orphan!);
  await close(alive, busy!);
  dead.kill();
  await assert.rejects(putChunks(alive, "a", ["refused"]), /operationAborted/);
  const background = await machine.start("background");
  const tasks = tasksOf(machine, background);
  const { counters } = tasks;
  await tasks.runUntilIdle();
  await putChunks(alive, "a", ["taken"]);
  assert.deepEqual([counters.bucketsReopened, counters.fencesRemoved], [1, 1]);
  assert.equal(await readRow(alive.keymap.partitions[0]!, bucketFenceKey(orphan!)), undefined);
  assert.ok(await readRow(alive.keymap.partitions[0]!, bucketFenceKey(busy!)), "its process lives");
});

test("C5: a versioning state that a process set in a fence alone is finished", async () => {
  const machine = await createTestMachine(hash);
  const alive = await machine.start("front-end");
  await makeBucket(alive);
  const stateOf = async () => {
    const fence = await readRow(alive.keymap.partitions[0]!, bucketFenceKey(1 as BucketId));
    return decodeBucketFenceRow(fence!.value).versioning;
  };
  const halfSet = async (state: "enabled" | "suspended") => {
    const process = await machine.start("front-end");
    // The number, the fence, and then the bucket's row.
    process.dieAtCommit(2);
    await assert.rejects(useVersions(process, state), Killed);
    assert.equal(await stateOf(), state);
  };
  const background = await machine.start("background");
  const sweep = async () => {
    const tasks = tasksOf(machine, background);
    await tasks.runUntilIdle();
    return tasks.counters.versioningFinished;
  };
  await halfSet("enabled");
  assert.deepEqual([await sweep(), await stateOf()], [1, "enabled"]);
  assert.deepEqual([await sweep(), await stateOf()], [0, "enabled"]);
  await halfSet("suspended");
  assert.deepEqual([await sweep(), await stateOf()], [1, "suspended"]);
});

test("C5: the file of a dropped extent is removed; one whose id was never given is kept", async () => {
  const machine = await withGarbage();
  const process = await machine.start("background");
  const dropped = await process.table.create({ ...openRow, session: process.keymap.session.id });
  assert.ok(!("refusedBy" in dropped));
  assert.equal(await process.table.remove(dropped), "ok");
  const later = (dropped.id + 1) as ExtentId; // the next that will be given
  for (const id of [dropped.id, later]) {
    await machine.disk.makeDirectory(extentDirectory(id));
    await (await machine.disk.open(extentPath(id), "create")).close();
  }
  const tasks = tasksOf(machine, process, { deadShare: 1 });
  await tasks.runUntilIdle();
  assert.equal(tasks.counters.straysRemoved, 1);
  assert.equal(machine.disk.files.has(extentPath(dropped.id)), false);
  assert.equal(machine.disk.files.has(extentPath(later)), true);
  await assertKept(process);
});

test("a task that fails is tried again, later each time; one that is fenced ends", async () => {
  const platform = createTestPlatform(hash);
  const stop = new AbortController();
  const startedMs = platform.clock.monotonicMs();
  const outcomes: (StepOutcome | StoreError)[] = [
    new StoreError("io", "first"),
    new StoreError("io", "second"),
    "busy",
    "idle",
  ];
  const times: number[] = [];
  const step = async (): Promise<StepOutcome> => {
    times.push(platform.clock.monotonicMs() - startedMs);
    const outcome = outcomes.shift();
    if (outcome === undefined) stop.abort();
    if (outcome instanceof StoreError) throw outcome;
    return outcome ?? "idle";
  };
  const loop = createTaskLoop(platform, { name: "test", step }, { idleMs: 500, restShare: 1 });
  await loop.run(stop.signal);
  assert.deepEqual(times, [0, 1000, 3000, 3000, 3500]);
  assert.deepEqual(loop.statistics(), {
    name: "test",
    state: "stopped",
    steps: 5,
    failures: 2,
    failure: undefined,
  });
  outcomes.push(new StoreError("fenced", "ended"));
  await assert.rejects(loop.run(new AbortController().signal), /ended/);
});

for (const isUrgent of [false, true]) {
  const what = isUrgent ? "a task that is urgent waits less" : "a task waits for its turn";
  test(`${what} before each step, by what it moves`, async () => {
    const { platform } = await createTestMachine(hash);
    const { clock } = platform;
    const meter = new TransferMeter();
    const budget = new TransferBudget({ clock, share: 0.25, clientLoad: () => 1 });
    const payer = budget.payer(1, meter);
    const times: number[] = [];
    const startedMs = clock.monotonicMs();
    const step = async (signal: AbortSignal): Promise<StepOutcome> => {
      times.push(clock.monotonicMs() - startedMs);
      await clock.sleep(1000, signal);
      meter.bytesRead += 10_000_000;
      return "busy";
    };
    const task = { name: "test", isUrgent, step };
    const loop = createTaskLoop(platform, task, { idleMs: 500, restShare: 0, payer });
    const stop = new AbortController();
    const running = loop.run(stop.signal);
    await clock.advance(2000);
    assert.equal(loop.statistics().state, isUrgent ? "busy" : "throttled");
    while (times.length < 3) await clock.advance(1000);
    stop.abort();
    await running;
    // A second of work, and three of rest, in which nothing is begun; one, where it is urgent.
    assert.deepEqual(times, isUrgent ? [0, 2000, 4000] : [0, 4000, 8000]);
  });
}

test("createBackground runs all tasks until its signal aborts, and shows what they did", async () => {
  const machine = await withGarbage();
  const process = await machine.start("background");
  const isAlive = () => false;
  const background = createBackground({
    ...process,
    isAlive,
    transfers: new TransferMeter(),
    clientLoad: () => 0,
    schemeAtRest: () => Promise.resolve(keptIn({ kind: "replicated", copies: 1, quorum: 1 })),
    limits: { idleMs: 10 },
    keep: (loop) => loop,
    observers: [],
  });
  const stop = new AbortController();
  const running = background.run(stop.signal);
  while (background.statistics().counters.extentsDropped === 0) {
    await machine.platform.clock.advance(1000);
  }
  stop.abort();
  await running;
  assert.deepEqual(
    background.statistics().tasks.map(({ name, state }) => [name, state]),
    [
      ["generation", "stopped"],
      ["restore window", "stopped"],
      ["dead writers", "stopped"],
      ["bucket sweep", "stopped"],
      ["stray sweep", "stopped"],
      ["extent inventory", "stopped"],
      ["reclaim", "stopped"],
      ["extent drops", "stopped"],
      ["encoding", "stopped"],
      ["scrub", "stopped"],
      ["repair", "stopped"],
      ["upload sweep", "stopped"],
    ],
  );
  await assertKept(process);
});
