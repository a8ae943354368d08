import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { newDiskRow } from "../../format/disk-row.ts";
import type { ExtentRow } from "../../format/extent-row.ts";
import { createHash } from "../../node/platform/hash.ts";
import { makeBucket, putChunks, read, remove } from "../testing/objects.ts";
import { createTestMachine, tasksOf } from "../testing/processes.ts";

const hash = createHash();
const { signal } = new AbortController();

/** The index that was shipped, as a test says. */
class ShippedTo {
  committed = 9;
  sequence: number | undefined = 5;
  lagMs = 4000;

  get statistics() {
    const { committed, sequence, lagMs } = this;
    return { target: "/shipped", sequence, behind: committed - (sequence ?? 0), lagMs, bytes: 0 };
  }

  committedNow(): Promise<number> {
    return Promise.resolve(this.committed);
  }
}

/** A background process that has found two extents of which nothing is referred to. */
async function withDropping(shipping?: ShippedTo) {
  const machine = await createTestMachine(hash);
  const front = await machine.start("front-end");
  await makeBucket(front);
  await putChunks(front, "kept", ["kept"]);
  for (const name of ["a", "b"]) await putChunks(front, name, [name.repeat(1000)]);
  for (const name of ["a", "b"]) await remove(front, name);
  await front.stop();
  const process = await machine.start("background");
  const { tasks, counters } = tasksOf(machine, { ...process, shipping });
  const taskNamed = (name: string) =>
    must(
      tasks.find((task) => task.name === name),
      name,
    );
  const drops = taskNamed("extent drops");
  const dropping = async (): Promise<readonly ExtentRow[]> => {
    const rows = (await process.table.list(undefined, 100)).map(({ row }) => row);
    return rows.filter(({ state }) => state === "dropping");
  };
  /** All but the drops, until two extents are to be dropped. */
  const others = async (): Promise<void> => {
    for (const task of tasks) if (task !== drops) await task.step(signal);
  };
  for (let round = 0; (await dropping()).length < 2; round++) {
    assert.ok(round < 1000, "they are found");
    await others();
  }
  const drop = async (): Promise<void> => {
    while ((await drops.step(signal)) === "busy");
  };
  return { machine, process, counters, dropping, others, drop };
}

test("extent drops: they go on while the sweep is held up, as by its budget under load", async () => {
  const { process, counters, dropping, drop } = await withDropping();
  assert.equal(counters.extentsDropped, 0);
  await drop();
  assert.deepEqual([await dropping(), counters.extentsDropped], [[], 2]);
  assert.equal(await read(process, "kept"), "kept");
});

test("an extent that is dropped waits for its disk, and goes as soon as that is back", async () => {
  const { machine, process, counters, dropping, drop } = await withDropping();
  const places = process.disks.disks;
  Object.assign(process.disks, { disks: [] });
  await drop();
  assert.deepEqual([(await dropping()).length, counters.extentsDropped], [2, 0]);
  // What cannot be done for now is no failure; the disk watch reports the disk.
  assert.ok(!machine.platform.events.includes("extent_not_dropped"));
  Object.assign(process.disks, { disks: places });
  await drop();
  assert.deepEqual([await dropping(), counters.extentsDropped], [[], 2]);
});

test("an extent that is dropped waits for a disk no longer once that is removed", async () => {
  const { process, counters, dropping, drop } = await withDropping();
  const [first] = await dropping();
  const { disk } = must(first?.members[0], "a member");
  Object.assign(process.disks, { disks: [] });
  await drop();
  assert.deepEqual([(await dropping()).length, counters.extentsDropped], [2, 0]);
  const removed = newDiskRow({ disk, addedMs: 1, name: "/data", state: "removed" });
  Object.assign(process.disks, { rows: new Map([[disk, removed]]) });
  await drop();
  assert.deepEqual([await dropping(), counters.extentsDropped], [[], 2]);
});

test("C9: an extent stays until the commit that freed it is shipped, where the index is shipped", async () => {
  const shipping = new ShippedTo();
  const { counters, dropping, drop } = await withDropping(shipping);
  await drop();
  assert.equal((await dropping()).length, 2);
  // What was committed since the first look need not be shipped.
  shipping.committed = 20;
  shipping.sequence = 8;
  await drop();
  assert.equal((await dropping()).length, 2);
  shipping.sequence = 9;
  await drop();
  assert.deepEqual([await dropping(), counters.extentsDropped], [[], 2]);
});

test("C6: a place that is away does not keep what is freed for longer than an hour", async () => {
  const shipping = new ShippedTo();
  shipping.sequence = undefined;
  const { machine, counters, dropping, drop } = await withDropping(shipping);
  shipping.lagMs = 3_600_000;
  await drop();
  assert.equal((await dropping()).length, 2);
  shipping.lagMs = 3_600_001;
  await drop();
  assert.deepEqual([await dropping(), counters.extentsDropped], [[], 2]);
  assert.ok(machine.platform.events.includes("freed_before_it_is_shipped"));
});

test("C5: an extent whose files are being made is dropped once these are given up", async () => {
  const { process, counters, dropping, others, drop } = await withDropping();
  const entries = await process.table.list(undefined, 100);
  const entry = must(
    entries.find(({ row }) => row.state === "dropping"),
    "an extent",
  );
  const { scheme, members } = entry.row;
  const coming = [{ layout: 7, scheme, member: 0, disk: members[0]!.disk }];
  const comingBy = process.keymap.session.id;
  await process.table.replace(entry, { ...entry.row, coming, comingBy });
  await drop();
  assert.deepEqual([(await dropping()).length, counters.extentsDropped], [1, 1]);
  for (let round = 0; round < 10; round++) await others();
  await drop();
  assert.deepEqual([await dropping(), counters.extentsDropped], [[], 2]);
});
