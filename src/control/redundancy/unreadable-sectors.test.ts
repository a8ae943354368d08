import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { DiskVerdicts, verdictLimits } from "../../extent/disk-verdicts.ts";
import { extentPath } from "../../extent/extent-files.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import type { MemoryDisk } from "../../extent/testing/memory-disk.ts";
import type { Scheme } from "../../format/extent-row.ts";
import type { ExtentId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import { readScrubRow } from "../../keymap/scrub-progress.ts";
import { createHash } from "../../node/platform/hash.ts";
import { DiskError } from "../../platform/disk.ts";
import type { BackgroundLimits } from "../background.ts";
import { makeBucket, putChunks } from "../testing/objects.ts";
import {
  createTestMachine,
  tasksOf,
  type TestMachine,
  type TestProcess,
  type TestTasks,
} from "../testing/processes.ts";
import { contentOf, contentsOf, memoryDiskOf, storeObjects } from "./testing/coded-extents.ts";

// Sectors that a disk cannot read any more, though it answers otherwise.

const hash = createHash();
const { signal } = new AbortController();
const copies: Scheme = { kind: "replicated", copies: 3, quorum: 2 };
const coded: Scheme = { kind: "coded", code: "rs", data: 2, parity: 2 };

interface Bench {
  readonly machine: TestMachine;
  readonly process: TestProcess;
  readonly before: ReadonlyMap<ExtentId, Uint8Array>;
  readonly tasks: TestTasks;
}

async function benchOf(machine: TestMachine, scheme: Scheme): Promise<Bench> {
  const process = await machine.start("background");
  const before = await contentsOf(machine, process);
  const limits: Partial<BackgroundLimits> = { diskGraceMs: 60_000, scrubMs: 48 * 3_600_000 };
  const tasks = tasksOf(machine, process, limits, scheme);
  await tasks.runUntilIdle();
  return { machine, process, before, tasks };
}

/** Objects of two small chunks each, in extents of one sector. */
async function smallExtents(scheme: Scheme, disks: number, objects = 6): Promise<Bench> {
  const machine = await createTestMachine(hash, 2048, disks);
  await storeObjects(machine, objects);
  return benchOf(machine, scheme);
}

/** Records of 20,000 bytes in an extent or two, on as many disks as those have members. */
async function largeExtents(scheme: Scheme, disks: number, records = 30): Promise<Bench> {
  const machine = await createTestMachine(hash, 8 * 1024 * 1024, disks);
  const front = await machine.start("front-end");
  await makeBucket(front);
  const chunks = Array.from({ length: records }, (_, i) => String(i % 10).repeat(20_000));
  await putChunks(front, "large", chunks);
  await front.stop();
  return benchOf(machine, scheme);
}

function entriesOf({ process }: Bench): Promise<ExtentEntry[]> {
  return process.table.list(undefined, 1000);
}

interface Member {
  readonly disk: MemoryDisk;
  readonly path: string;
}

function memberOf({ machine }: Bench, { id, row }: ExtentEntry, member: number): Member {
  const { disk } = must(row.members[member], "a member");
  return { disk: memoryDiskOf(machine, disk), path: extentPath(id, row.layout) };
}

function spoil(bench: Bench, entry: ExtentEntry, member: number, offset: number): void {
  const { disk, path } = memberOf(bench, entry, member);
  disk.spoilSector(path, offset);
}

/** Takes steps of scrub until all disks are read. */
async function scrub({ machine, tasks }: Bench): Promise<void> {
  for (let steps = 0; (await tasks.scrub.step(signal)) !== "idle"; steps++) {
    assert.ok(steps < 2000, "comes to its end");
    await machine.platform.clock.advance(1000);
  }
}

async function statesOf(bench: Bench): Promise<readonly string[]> {
  return (await entriesOf(bench)).flatMap(({ row }) => row.members.map(({ state }) => state));
}

async function assertMended(bench: Bench): Promise<void> {
  const { machine, tasks, before } = bench;
  await machine.platform.clock.advance(5000);
  await tasks.runUntilIdle();
  const entries = await entriesOf(bench);
  assert.equal(entries.length, before.size);
  for (const entry of entries) {
    assert.deepEqual(contentOf(machine, entry), before.get(entry.id));
    assert.ok(entry.row.members.every(({ state }) => state === "whole"));
    for (const [member] of entry.row.members.entries()) {
      const { disk, path } = memberOf(bench, entry, member);
      disk.assertReadable(path, 0, disk.bytesOf(path).length);
    }
  }
}

/** Fails reads of the member's file while `isFailing` says so. */
function failReads({ disk, path }: Member, isFailing: () => boolean): void {
  disk.before = (operation, at) => {
    if (operation === "read" && at === path && isFailing()) {
      throw new DiskError("io", "the sector can't be read");
    }
  };
}

for (const [title, scheme, disks] of [
  ["copy", copies, 3],
  ["shard", coded, 4],
] as const) {
  test(`C4: a sector of a ${title} that cannot be read is found by scrub, and written anew`, async () => {
    const bench = await smallExtents(scheme, disks);
    const entries = await entriesOf(bench);
    for (const [i, entry] of entries.entries()) {
      spoil(bench, entry, i % entry.row.members.length, extentHeaderBytes);
    }
    await scrub(bench);
    const { counters } = bench.tasks;
    assert.equal(counters.membersFoundBad, entries.length);
    assert.equal(counters.membersScrubbed, entries.length * entries[0]!.row.members.length);
    const damaged = (await statesOf(bench)).filter((state) => state === "damaged");
    assert.equal(damaged.length, entries.length);
    await assertMended(bench);
    assert.equal(counters.membersRepaired, entries.length);
  });
}

test("C5: copies of which each has another sector that cannot be read are mended from each other", async () => {
  const bench = await largeExtents(copies, 3);
  const [entry] = await entriesOf(bench);
  // Within what is read ahead at once, so that the records between them are read by themselves.
  for (const member of [0, 1, 2]) {
    for (const at of [40_000, 300_000]) {
      spoil(bench, entry!, member, extentHeaderBytes + at + member * 60_000);
    }
  }
  await scrub(bench);
  assert.deepEqual(await statesOf(bench), ["damaged", "damaged", "damaged"]);
  await assertMended(bench);
});

test("C5: shards of which each has another sector that cannot be read, or a flipped bit, are mended", async () => {
  for (const isFlipped of [false, true]) {
    const bench = await largeExtents(coded, 4, 390);
    const [entry] = await entriesOf(bench);
    assert.equal(entry!.row.scheme.kind, "coded");
    // Of each stretch that is decoded at once two shards are good, and never the same.
    for (const [stretch, members] of [
      [1, 2],
      [0, 1],
      [2, 3],
    ].entries()) {
      for (const member of members) {
        const at = extentHeaderBytes + stretch * 512 * 1024 + 1000;
        const { disk, path } = memberOf(bench, entry!, member);
        assert.ok(at < disk.bytesOf(path).length);
        if (isFlipped) disk.bytesOf(path)[at]! ^= 1;
        else spoil(bench, entry!, member, at);
      }
    }
    await scrub(bench);
    const damaged = (await statesOf(bench)).filter((state) => state === "damaged");
    assert.equal(damaged.length, 4);
    await assertMended(bench);
  }
});

test("scrub: a read that fails once is tried again, and the member is not noted as damaged", async () => {
  const bench = await smallExtents(copies, 3);
  const [entry] = await entriesOf(bench);
  const member = memberOf(bench, entry!, 0);
  let failures = 1;
  failReads(member, () => failures-- > 0);
  await scrub(bench);
  assert.ok(failures < 0);
  const states = await statesOf(bench);
  assert.ok(states.every((state) => state === "whole"));
  assert.equal(bench.tasks.counters.membersScrubbed, states.length);
  for (const { id } of bench.machine.disks.disks) {
    const row = must(await readScrubRow(bench.process.keymap, id), "a row");
    assert.deepEqual([row.isDone, row.passedOver, row.readSinceMs], [true, 0, row.startedMs]);
  }
});

test("C8: a disk with a member that was passed over does not count as verified, and the next round makes up for it", async () => {
  const bench = await smallExtents(copies, 3);
  const { machine, process, tasks } = bench;
  const [entry] = await entriesOf(bench);
  const member = memberOf(bench, entry!, 0);
  const { id } = must(machine.disks.disks[machine.memoryDisks.indexOf(member.disk)], "a disk");
  // Verification fails each time, and what it met can be read right after it.
  let opened = 0;
  let isPassing = true;
  member.disk.before = (operation, path) => {
    if (path !== member.path || isPassing === false) return;
    if (operation === "open") opened++;
    if (operation === "read" && opened % 2 === 1) throw new DiskError("io", "a sector");
  };
  await scrub(bench);
  const row = must(await readScrubRow(process.keymap, id), "a row");
  assert.deepEqual([row.isDone, row.passedOver, row.readSinceMs], [true, 1, 0]);
  assert.ok(machine.platform.events.includes("disk_not_scrubbed_wholly"));
  assert.ok(machine.platform.events.includes("member_not_scrubbed"));
  const others = machine.disks.disks.filter((disk) => disk.id !== id);
  for (const other of others) {
    const { readSinceMs } = must(await readScrubRow(process.keymap, other.id), "a row");
    assert.ok(readSinceMs > 0);
  }
  assert.equal(tasks.counters.membersScrubbed, (await statesOf(bench)).length - 1);
  isPassing = false;
  await machine.platform.clock.advance(5000);
  machine.platform.clock.setWall(24 * 3_600_000);
  await scrub(bench);
  const after = must(await readScrubRow(process.keymap, id), "a row");
  assert.deepEqual([after.passedOver, after.readSinceMs], [0, after.startedMs]);
});

for (const kind of ["no_answer", "missing", "io"] as const) {
  test(`C8: a round waits for a disk that goes while it is read (${kind}), and passes over nothing`, async () => {
    const bench = await smallExtents(copies, 3);
    const { machine, process, tasks } = bench;
    const entries = await entriesOf(bench);
    // Not the one with the index, which is looked at for other reasons.
    const [, disk] = machine.memoryDisks;
    let isGone = false;
    disk!.before = (operation, path) => {
      isGone ||= operation === "read" && path.endsWith(".extent");
      if (isGone) throw new DiskError(kind, "the disk has gone");
    };
    const readOf = () => readScrubRow(process.keymap, machine.disks.disks[1]!.id);
    for (let steps = 0; steps < 200; steps++) {
      await tasks.scrub.step(signal);
      await machine.platform.clock.advance(1000);
    }
    assert.ok(isGone);
    assert.equal(tasks.counters.membersScrubbed, 2 * entries.length);
    assert.notEqual((await readOf())?.isDone, true);
    disk!.before = () => {};
    await scrub(bench);
    assert.equal(tasks.counters.membersScrubbed, 3 * entries.length);
    const row = must(await readOf(), "a row");
    assert.deepEqual([row.isDone, row.passedOver, row.readSinceMs], [true, 0, row.startedMs]);
    assert.ok((await statesOf(bench)).every((state) => state === "whole"));
  });
}

test("C5: a member whose file cannot be written is made on another disk, and where there is none again there", async () => {
  for (const disks of [4, 3]) {
    const bench = await smallExtents(copies, disks, 1);
    const [entry] = await entriesOf(bench);
    const member = memberOf(bench, entry!, 0);
    spoil(bench, entry!, 0, extentHeaderBytes);
    await scrub(bench);
    let writes = 0;
    member.disk.before = (operation, path) => {
      if (operation !== "write" || path !== member.path) return;
      writes++;
      throw new DiskError("io", "it cannot be written");
    };
    const { clock } = bench.machine.platform;
    await clock.advance(5000);
    await bench.tasks.runUntilIdle();
    assert.ok(bench.machine.platform.events.includes("extent_file_not_writable"));
    const [row] = (await entriesOf(bench)).map((one) => one.row);
    if (disks === 3) {
      assert.equal(row!.members[0]!.state, "damaged");
      const before = writes;
      await clock.advance(70_000);
      await bench.tasks.runUntilIdle();
      assert.ok(writes > before && writes < before + 3, `${writes - before} more tries`);
      member.disk.before = () => {};
      await clock.advance(70_000);
    } else assert.notEqual(row!.members[0]!.disk, entry!.row.members[0]!.disk);
    await assertMended(bench);
  }
});

test("C8: one bad sector has no disk taken out, however long it is not mended, and bad sectors in many extents have", async () => {
  const bench = await smallExtents(copies, 3, 120);
  const { machine, process, tasks } = bench;
  const entries = await entriesOf(bench);
  assert.ok(entries.length > verdictLimits.damaged, `${entries.length} extents`);
  const { id } = machine.disks.disks[0]!;
  const memberOn = (entry: ExtentEntry) => entry.row.members.findIndex(({ disk }) => disk === id);
  const inventory = must(
    tasks.tasks.find(({ name }) => name === "extent inventory"),
    "a task",
  );
  const verdicts = new DiskVerdicts();
  const judge = async (): Promise<string | undefined> => {
    const damaged = (await entriesOf(bench)).filter(
      (entry) => entry.row.members[memberOn(entry)]?.state === "damaged",
    ).length;
    const counts = process.observations.countsOf(id)!;
    const nowMs = machine.platform.clock.monotonicMs();
    return verdicts.judge(nowMs, [{ disk: id, counts, damaged }]).get(id);
  };
  await judge();
  spoil(bench, entries[0]!, memberOn(entries[0]!), extentHeaderBytes);
  await scrub(bench);
  for (let minutes = 0; minutes < 30; minutes++) {
    while ((await inventory.step(signal)) === "busy");
    await machine.platform.clock.advance(60_000);
    assert.equal(await judge(), undefined);
  }
  await assertMended(bench);
  assert.equal(await judge(), undefined);
  for (const entry of entries) spoil(bench, entry, memberOn(entry), extentHeaderBytes);
  machine.platform.clock.setWall(24 * 3_600_000);
  await scrub(bench);
  const reason = await judge();
  assert.match(reason ?? "", /failed within|found damaged within/);
  assert.ok(process.observations.countsOf(id)!.errors > verdictLimits.errors);
});
