import assert from "node:assert/strict";
import { test } from "node:test";
import { newDiskRow } from "../format/disk-row.ts";
import { createHash } from "../node/platform/hash.ts";
import type { ExtentWriter } from "./extent-writer.ts";
import { MountedDisks } from "./mounted-disks.ts";
import { settle } from "./testing/manual-clock.ts";
import {
  identityOf,
  payloadOf,
  testStoreId,
  TestStore,
  standardExtents,
} from "./testing/test-store.ts";

const hash = createHash();
/** The writer looks for other disks every second. */
const lookMs = 1000;

/** A store of two disks, the first of which is mounted, and a writer that runs. */
async function changingStore() {
  const store = await TestStore.create(hash, 2);
  const [first, second] = store.disks.disks;
  assert.ok(first !== undefined && second !== undefined);
  const mounted = new MountedDisks(testStoreId, [first]);
  const writer = store.writer({ disks: mounted });
  const stop = new AbortController();
  const running = writer.run(stop.signal);
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  const emptying = new Map([
    [first.id, newDiskRow({ disk: first.id, addedMs: 0, name: "/data1", state: "emptying" })],
  ]);
  return { store, first, second, mounted, writer, end, emptying };
}

/** Appends some records, and waits for all of them. */
async function appendMany(writer: ExtentWriter): Promise<void> {
  const appends = Array.from({ length: 8 }, (_, i) =>
    writer.append(standardExtents, identityOf(i), payloadOf(100_000, i)),
  );
  await Promise.all(appends);
}

test("changing disks: a disk that comes is written to, and watched", async () => {
  const { store, first, second, mounted, writer, end } = await changingStore();
  await appendMany(writer);
  assert.equal(store.extentFiles(1).length, 0);
  mounted.set([first, second], new Map());
  await store.clock.advance(lookMs);
  await appendMany(writer);
  assert.equal(store.extentFiles(1).length, 1);
  store.memoryDisks[1]!.bytesFree = 1;
  await store.clock.advance(4000);
  const conditions = writer.statistics().disks.map(({ condition }) => condition);
  assert.deepEqual(conditions, ["ok", "full"]);
  await end();
});

test("changing disks: what waits for a disk that goes is written, and its extents are sealed", async () => {
  const { store, first, second, mounted, writer, end } = await changingStore();
  mounted.set([first, second], new Map());
  await store.clock.advance(lookMs);
  await appendMany(writer);
  const gate = Promise.withResolvers<void>();
  store.memoryDisks[0]!.before = (operation) => (operation === "write" ? gate.promise : undefined);
  const waiting = appendMany(writer);
  await settle();
  mounted.set([second], new Map());
  await store.clock.advance(lookMs);
  gate.resolve();
  await waiting;
  await appendMany(writer);
  await store.clock.advance(2 * lookMs);
  const onFirst = [...store.table.entries.values()].filter(({ row }) =>
    row.members.some(({ disk }) => disk === first.id),
  );
  assert.ok(onFirst.length > 0);
  assert.ok(onFirst.every(({ row }) => row.state !== "open"));
  await end();
});

test("changing disks: a disk that went while it hung holds no record up for long", async () => {
  const { store, first, second, mounted, writer, end } = await changingStore();
  const gate = Promise.withResolvers<void>();
  store.memoryDisks[0]!.before = (operation) => (operation === "write" ? gate.promise : undefined);
  const waiting = appendMany(writer);
  await settle();
  mounted.set([second], new Map());
  await store.clock.advance(30_000);
  await waiting;
  assert.ok(store.extentFiles(1).length > 0);
  assert.equal(first.disk.name, "/data1");
  gate.resolve();
  await end();
});

test("changing disks: a disk that is emptied is sealed, and gets nothing new", async () => {
  const { store, first, second, mounted, writer, end, emptying } = await changingStore();
  await appendMany(writer);
  mounted.set([first, second], emptying);
  await store.clock.advance(2 * lookMs);
  const before = store.extentFiles(0);
  const [entry] = store.table.entries.values();
  assert.notEqual(entry?.row.state, "open");
  await appendMany(writer);
  assert.deepEqual(store.extentFiles(0), before);
  assert.equal(store.extentFiles(1).length, 1);
  mounted.set([first], emptying);
  await store.clock.advance(lookMs);
  await assert.rejects(appendMany(writer), { message: /1 are out or being emptied/ });
  await end();
});

test("changing disks: a disk that takes none any more is found out by the table, and another one is used", async () => {
  const { store, first, second, mounted, writer, end } = await changingStore();
  mounted.set([first, second], new Map());
  await store.clock.advance(lookMs);
  store.table.refuses = first.id;
  await appendMany(writer);
  assert.equal(writer.statistics().failures, 0);
  assert.equal(store.extentFiles(0).length, 0);
  assert.equal(store.extentFiles(1).length, 1);
  await end();
});
