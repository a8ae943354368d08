import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { newDiskRow } from "../../format/disk-row.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import { createHash } from "../../node/platform/hash.ts";
import { ExtentCensus } from "./extent-census.ts";
import { Manifests } from "./manifests.ts";
import { ObjectCensus } from "./object-census.ts";
import { makeBucket, putChunks, remove } from "../testing/objects.ts";
import { createTestMachine, tasksOf } from "../testing/processes.ts";

const hash = createHash();

test("census: counts extents by state, their bytes alive and dead, and the garbage that waits", async () => {
  const machine = await createTestMachine(hash);
  const front = await machine.start("front-end");
  await makeBucket(front);
  for (let i = 0; i < 6; i++) await putChunks(front, `key ${i}`, ["x".repeat(1000)]);
  for (let i = 0; i < 3; i++) await remove(front, `key ${i}`);
  await front.stop();
  const background = await machine.start("background");
  const { clock } = machine.platform;
  const census = new ExtentCensus({
    ...background,
    disks: machine.disks,
    clock,
    canLose: () => true,
    isHeld: () => false,
    copiesOf: () => 3,
  });
  const count = async () => {
    await clock.advance(10_000);
    while ((await census.step()) === "busy");
    return census.last;
  };
  assert.equal(census.last, undefined);
  const before = await count();
  assert.equal(before?.garbageRows, 3);
  assert.equal(before?.deadBytes, 0);
  assert.ok((before?.bytes ?? 0) > 6000);
  assert.deepEqual(before?.extents, { ...before?.extents, open: 0, reconciled: 0 });
  assert.ok((before?.extents.sealed ?? 0) + (before?.extents.settled ?? 0) >= 3);

  // What is freed stays for an hour.
  await tasksOf(machine, background, { restoreWindowMs: 3_600_000 }).runUntilIdle();
  assert.equal((await census.step()) === "idle" && census.last, before); // not yet time
  const after = await count();
  assert.equal(after?.garbageRows, 0);
  assert.deepEqual([after?.extents.reconciled, after?.extents.dropping], [3, 3]);
  assert.equal(after?.deadBytes, (after?.bytes ?? 0) / 2);
  machine.disk.files.delete("holdfast.json");
  assert.equal((await count())?.lost.missing, 3, "what is dropped is not lost");
});

test("C8: a disk that is not there counts at once, and what was on it is unreadable", async () => {
  const machine = await createTestMachine(hash);
  const front = await machine.start("front-end");
  await makeBucket(front);
  await putChunks(front, "key", ["x".repeat(1000)]);
  await front.stop();
  const background = await machine.start("background");
  const { clock } = machine.platform;
  const canLose = (): boolean => true;
  const known = { disks: machine.disks, clock, canLose, copiesOf: () => 3 };
  const census = new ExtentCensus({ ...background, ...known, isHeld: () => false });
  const count = async () => {
    while ((await census.step()) === "busy");
    return census.last?.redundancy;
  };
  const before = await count();
  assert.deepEqual([before?.levels.none.extents, before?.shortExtents], [1, 0]);
  assert.deepEqual(before?.levelOf?.all, before?.levels.none);
  machine.disk.files.delete("holdfast.json");
  const after = await count();
  assert.deepEqual([after?.levels.unreadable.extents, after?.shortExtents], [1, 1]);
  // Only a disk that nobody gave up is waited for.
  assert.equal(after?.waitingExtents, 1);
  const [{ id: disk } = assert.fail("a disk")] = machine.disks.disks;
  const row = newDiskRow({ disk, addedMs: 1, name: "/data", state: "removed" });
  Object.assign(machine.disks, { rows: new Map([[disk, row]]) });
  await clock.advance(10_000);
  const removed = await count();
  assert.deepEqual([removed?.shortExtents, removed?.waitingExtents], [1, 0]);
});

test("C8: what is still written counts, at the redundancy that it has, and its objects soon", async () => {
  const machine = await createTestMachine(hash, 100_000, 3);
  const front = await machine.start("front-end");
  const background = await machine.start("background");
  await makeBucket(front);
  const { clock } = machine.platform;
  const census = new ExtentCensus({
    ...background,
    disks: machine.disks,
    clock,
    canLose: (_, lost) => lost.length <= 2,
    isHeld: () => false,
    copiesOf: () => 3,
  });
  const levelOf = () => census.last?.redundancy.levelOf;
  const manifests = new Manifests(background);
  const objects = new ObjectCensus({ ...background, clock, levelOf, manifests });
  const count = async () => {
    await clock.advance(10_000);
    while ((await census.step()) === "busy");
    while ((await objects.step()) === "busy");
    return { ...must(census.last, "a count"), objects: objects.last?.levels };
  };
  assert.deepEqual((await count()).objects?.full, 0);
  await putChunks(front, "small", ["x".repeat(1000)]);
  await putChunks(front, "large", ["x".repeat(70_000)]);
  const { extents, bytes, redundancy, objects: counted } = await count();
  assert.deepEqual([extents.open, extents.sealed, counted?.full], [2, 0, 2]);
  const all = redundancy.levels.full.bytes;
  assert.ok(all >= 71_000 && all < 73_000, `${all} bytes with the headers of two records`);
  assert.equal(bytes, all + 2 * extentHeaderBytes);

  machine.memoryDisks[2]!.files.delete("holdfast.json");
  const { levels } = (await count()).redundancy;
  assert.deepEqual([levels.full.bytes, levels.none.bytes], [0, all], "as is sure of a quorum");
});
