import assert from "node:assert/strict";
import { appendFileSync, renameSync, truncateSync } from "node:fs";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { encodeUtf8, equalBytes } from "../../base/bytes.ts";
import { openExtentView } from "../../extent/extent-view.ts";
import { scanRecords } from "../../extent/extent-scan.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import type { MemberState } from "../../format/extent-row.ts";
import { type BlobId, idOfText } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import { blockChecksums, encodeRecordHeader, type RecordHeader } from "../../format/record.ts";
import { createHash } from "../../node/platform/hash.ts";
import { ScrubbedStore, stopInTime } from "../../node/testing/scrubbed-store.ts";
import type { BackgroundLimits } from "../background.ts";
import { checkStore } from "../check.ts";
import { haveDifferentRoots } from "../extents/extent-health.ts";
import { leaveChunks, putChunks, read, remove } from "../testing/objects.ts";
import { tasksOf, type TestTasks } from "../testing/processes.ts";

// Copies in real files that are valid by themselves, and yet not the same.

const hash = createHash();
const objects = 6;
/** Some 100 KiB, so that an extent has blocks that are the same and blocks that are not. */
const contentOf = (i: number): string => `object ${i};`.repeat(11_000);
const deadContent = "nothing refers to it;".repeat(5000);
const copies = [0, 1, 2];

/** Three copies of one extent, on three disks. */
function createStore(limits: Partial<BackgroundLimits> = {}): Promise<ScrubbedStore> {
  return ScrubbedStore.create({
    disks: 3,
    extentBytes: 1024 * 1024,
    limits: { diskGraceMs: 3_600_000, ...limits },
    fill: async (front) => {
      for (let i = 0; i < objects; i++) await putChunks(front, `key ${i}`, [contentOf(i)]);
      await leaveChunks(front, "left", [deadContent]);
    },
  });
}

async function entryOf(store: ScrubbedStore): Promise<ExtentEntry> {
  const entries = await store.entries();
  assert.equal(entries.length, 1);
  return must(entries[0], "an extent");
}

async function statesOf(store: ScrubbedStore): Promise<MemberState[]> {
  return (await entryOf(store)).row.members.map(({ state }) => state);
}

/** The header of the first record of a key. */
async function recordOf(store: ScrubbedStore, name: string): Promise<RecordHeader> {
  const entry = await entryOf(store);
  const view = await openExtentView(store.process, entry);
  const [file] = view.sources;
  const range = { extent: entry.id, from: extentHeaderBytes, to: entry.row.length };
  try {
    for await (const seen of scanRecords({ platform: { hash }, file, ...range })) {
      if (seen.kind === "hole" || Buffer.from(seen.header.key).toString() !== name) continue;
      return seen.header;
    }
  } finally {
    await view.close();
  }
  return assert.fail("no such record");
}

/** Puts another record in a record's place: valid, of the same key and length, of another time. */
async function makeOlder(store: ScrubbedStore, copy: number, name: string): Promise<void> {
  const before = await recordOf(store, name);
  const { payloadBytes, offset } = before;
  const payload = encodeUtf8("older;".repeat(payloadBytes)).subarray(0, payloadBytes);
  const identity = { ...before, blob: idOfText<BlobId>("e".repeat(32)) };
  const blocks = { bytes: payloadBytes, blockChecksums: blockChecksums(hash, payload) };
  const header = encodeRecordHeader(hash, identity, before, blocks);
  store.change(await entryOf(store), copy, (bytes) => {
    bytes.set(header.bytes, offset);
    bytes.set(payload, offset + header.bytes.length);
  });
}

async function stepUntilIdle({ tasks }: TestTasks, name: string): Promise<void> {
  const task = must(
    tasks.find((one) => one.name === name),
    "a task of this name",
  );
  const { signal } = new AbortController();
  while ((await task.step(signal)) === "busy");
}

/** All copies are the same, and every object is as it was put. */
async function assertWhole(store: ScrubbedStore): Promise<void> {
  const entry = await entryOf(store);
  const { length } = entry.row;
  assert.deepEqual(await statesOf(store), ["whole", "whole", "whole"]);
  assert.equal(haveDifferentRoots(entry.row), false);
  const [first, ...others] = copies.map((copy) => {
    return store.bytesOf(entry, copy).subarray(extentHeaderBytes, length);
  });
  for (const other of others) assert.ok(equalBytes(other, first!));
  await assertReadable(store);
}

async function assertReadable(store: ScrubbedStore): Promise<void> {
  for (let i = 0; i < objects; i++) {
    assert.equal(await read(store.process, `key ${i}`), contentOf(i));
  }
}

test("C5: a copy with an older record that verifies is found by comparing, and made again", async () => {
  await using store = await createStore();
  await makeOlder(store, 1, "key 3");
  await store.scrub();
  assert.deepEqual(await statesOf(store), ["whole", "damaged", "whole"]);
  const { counters } = store.tasks;
  assert.deepEqual([counters.copiesFoundWrong, counters.extentsCompared], [1, 1]);
  await store.repairAndScrub();
  await assertWhole(store);
  assert.deepEqual([counters.membersRepaired, counters.extentsCompared], [1, 1]);
});

test("C5: what a row refers to is right, however many copies lack it", async () => {
  await using store = await createStore();
  for (const copy of [0, 2]) await makeOlder(store, copy, "key 1");
  await store.scrub();
  assert.deepEqual(await statesOf(store), ["damaged", "whole", "damaged"]);
  await store.repairAndScrub();
  await assertWhole(store);
});

test("C5, C9: where each copy lacks something, none is given up, and each object is read from one that has it", async () => {
  await using store = await createStore();
  const scheme = { kind: "coded", code: "rs", data: 2, parity: 1 } as const;
  const coding = tasksOf(
    store.machine,
    store.process,
    { encodedBytesMin: 0, deadShare: 1 },
    scheme,
  );
  await stepUntilIdle(coding, "reclaim"); // it waits to be encoded
  for (const copy of copies) await makeOlder(store, copy, `key ${copy}`);
  const entry = await entryOf(store);
  const before = copies.map((copy) => store.bytesOf(entry, copy));
  await store.scrub();
  assert.ok(store.machine.platform.events.includes("copies_differ"));
  assert.deepEqual(await statesOf(store), ["whole", "whole", "whole"]);
  const assertKept = async (): Promise<void> => {
    const { row } = await entryOf(store);
    assert.equal(haveDifferentRoots(row), true);
    assert.deepEqual([row.scheme.kind, row.state], ["replicated", "reconciled"]);
    for (const copy of copies) assert.ok(equalBytes(store.bytesOf(entry, copy), before[copy]!));
    // Reads note the copies that they cannot use.
    await assertReadable(store);
  };
  // None of these may take one copy's word for what is in the extent.
  await stepUntilIdle(coding, "encoding");
  await assertKept();
  await store.repairAndScrub();
  await assertKept();
  const compacting = { deadShare: 1e-9, encodedBytesMin: Infinity };
  await tasksOf(store.machine, store.process, compacting).runUntilIdle();
  await assertKept();
});

test("copies that differ in what nothing refers to become as most of them are", async () => {
  await using store = await createStore();
  const entry = await entryOf(store);
  const good = store.bytesOf(entry, 1);
  const check = async (): Promise<string[]> => {
    const { signal } = new AbortController();
    const { problems } = await checkStore({ ...store.process, signal });
    return problems.map(({ where, message }) => `${where}: ${message}`);
  };
  assert.deepEqual(await check(), []);
  await makeOlder(store, 0, "left");
  const found = `extent ${entry.id}: its copies 0, 1, 2 are valid, but not the same`;
  assert.deepEqual(await check(), [found]);
  await store.scrub();
  assert.deepEqual(await statesOf(store), ["damaged", "whole", "whole"]);
  await store.repairAndScrub();
  await assertWhole(store);
  assert.ok(equalBytes(store.bytesOf(entry, 1), good));
  assert.deepEqual(await check(), []);
});

test("C9: of copies of a held extent none is given up, since a restore may refer to what it has", async () => {
  const restoreWindowMs = 100 * 24 * 3_600_000; // some rounds of scrub
  await using store = await createStore({ restoreWindowMs });
  const front = await store.machine.start("front-end");
  for (let i = 0; i < objects; i++) await remove(front, `key ${i}`);
  await stopInTime(front);
  const compacting = { restoreWindowMs, deadShare: 1e-9 };
  await tasksOf(store.machine, store.process, compacting).runUntilIdle();
  const entry = await entryOf(store);
  assert.equal(entry.row.state, "dropping");
  await makeOlder(store, 1, "key 3");
  const before = copies.map((copy) => store.bytesOf(entry, copy));
  await store.repairAndScrub();
  assert.ok(store.machine.platform.events.includes("copies_differ"));
  await store.repairAndScrub();
  assert.deepEqual(await statesOf(store), ["whole", "whole", "whole"]);
  assert.equal(haveDifferentRoots((await entryOf(store)).row), true);
  for (const copy of copies) assert.ok(equalBytes(store.bytesOf(entry, copy), before[copy]!));
});

test("a copy that was cut off is found, and one with bytes behind the extent's end is well", async () => {
  await using store = await createStore();
  const entry = await entryOf(store);
  truncateSync(store.pathOf(entry, 0), entry.row.length - 150_000);
  appendFileSync(store.pathOf(entry, 2), Buffer.alloc(70_000, 7));
  await store.scrub();
  assert.deepEqual(await statesOf(store), ["damaged", "whole", "whole"]);
  await store.repairAndScrub();
  await assertWhole(store);
  const { extentsCompared, membersFoundBad } = store.tasks.counters;
  assert.deepEqual([extentsCompared, membersFoundBad], [0, 1]);
});

test("a comparison that must wait for a disk is made when that is back", async () => {
  await using store = await createStore();
  await store.scrub(); // all roots are known
  for (const copy of [0, 1]) await makeOlder(store, copy, "key 2");
  const directory = store.directoryOf(await entryOf(store), 2);
  renameSync(directory, `${directory} away`);
  await store.repairAndScrub();
  // The two that are there are the same, and nobody can know what the third has.
  assert.equal(haveDifferentRoots((await entryOf(store)).row), true);
  assert.deepEqual(await statesOf(store), ["whole", "whole", "whole"]);
  renameSync(`${directory} away`, directory);
  await store.machine.platform.clock.advance(61_000);
  await store.scrub();
  assert.deepEqual(await statesOf(store), ["damaged", "damaged", "whole"]);
  await store.repairAndScrub();
  await assertWhole(store);
});

test("C8: of an extent that is open nothing is said to be wrong", async () => {
  await using store = await createStore();
  const front = await store.machine.start("front-end");
  await putChunks(front, "new", [contentOf(9)]);
  const isOpen = ({ row }: ExtentEntry): boolean => row.state === "open";
  const open = must((await store.entries()).find(isOpen), "an open extent");
  // Its disk has not taken what the others have.
  truncateSync(store.pathOf(open, 0), extentHeaderBytes);
  await store.scrub();
  const after = must(await store.process.table.get(open.id), "the extent");
  assert.ok(after.row.members.every(({ state }) => state === "whole"));
  assert.equal(store.tasks.counters.membersFoundBad, 0);
  await stopInTime(front);
});
