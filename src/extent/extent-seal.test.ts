import { extentPath } from "./extent-files.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import type { ChunkRef } from "../format/chunk-ref.ts";
import type { SessionId } from "../format/ids.ts";
import { extentHeaderBytes, extentHeaderSlotBytes } from "../format/limits.ts";
import { recordBytes } from "../format/record.ts";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { dropExtent } from "./extent-drop.ts";
import { sealAbandoned } from "./extent-seal.ts";
import type { ExtentEntry } from "./extent-table.ts";
import { settle } from "./testing/manual-clock.ts";
import { identityOf, payloadOf, TestStore, standardExtents } from "./testing/test-store.ts";

const hash = createHash();
const sealer = 1 as SessionId; // made up
const bytesEach = recordBytes(identityOf(0).key.length, 1000);

/** A store with an extent of some records whose writer is never heard of again. */
async function abandoned(records: number): Promise<{ store: TestStore; refs: ChunkRef[] }> {
  const store = await TestStore.create(hash);
  const writer = store.writer();
  const refs: ChunkRef[] = [];
  for (let i = 0; i < records; i++)
    refs.push(await writer.append(standardExtents, identityOf(i), payloadOf(1000)));
  return { store, refs };
}

const onlyEntry = (store: TestStore): ExtentEntry =>
  must([...store.table.entries.values()][0], "no extent");

const seal = (store: TestStore, entry = onlyEntry(store)): Promise<ExtentEntry> =>
  sealAbandoned({
    platform: store.platform,
    disks: store.disks,
    table: store.table,
    entry,
    session: sealer,
  });

/** The row as it is once nothing refers to the extent, and the log of dropping it. */
async function toDrop(store: TestStore, sealed: ExtentEntry) {
  const entry = await store.table.replace(sealed, { ...sealed.row, state: "dropping" });
  assert.ok(entry !== "conflict");
  return { platform: store.platform, disks: store.disks, table: store.table, entry };
}

const onlyFile = (store: TestStore): Uint8Array =>
  store.memoryDisks[0]!.bytesOf(must(store.extentFiles()[0], "no file"));

test("seal: an abandoned extent is settled with all its records and a higher epoch", async () => {
  const { store, refs } = await abandoned(5);
  const { row } = await seal(store);
  assert.equal(row.state, "settled");
  assert.equal(row.length, extentHeaderBytes + 5 * bytesEach);
  assert.equal(row.epoch, 2);
  const reader = store.reader();
  for (const [i, ref] of refs.entries()) {
    assert.deepEqual(await reader.read(ref, identityOf(i), 0, 1000), payloadOf(1000));
  }
  await reader.close();
});

const tails: readonly { name: string; spoil: (bytes: Uint8Array) => Uint8Array }[] = [
  { name: "zeros behind it", spoil: (bytes) => concat(bytes, new Uint8Array(10_000)) },
  { name: "noise behind it", spoil: (bytes) => concat(bytes, payloadOf(777)) },
  {
    name: "half a record behind it",
    spoil: (bytes) => concat(bytes, bytes.subarray(extentHeaderBytes, extentHeaderBytes + 500)),
  },
  {
    name: "the beginning repeated behind it",
    spoil: (bytes) => concat(bytes, bytes.subarray(extentHeaderBytes)),
  },
];

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

for (const { name, spoil } of tails) {
  test(`C1: sealing keeps every acknowledged record with ${name}`, async () => {
    const { store } = await abandoned(3);
    store.memoryDisks[0]!.files.set(store.extentFiles()[0]!, spoil(onlyFile(store)));
    assert.equal((await seal(store)).row.length, extentHeaderBytes + 3 * bytesEach);
  });
}

test("seal: a last record torn anywhere is not part of the extent", async () => {
  for (const cut of [1, 8, 100, 999, bytesEach - 1]) {
    const { store } = await abandoned(3);
    const whole = onlyFile(store);
    store.memoryDisks[0]!.files.set(store.extentFiles()[0]!, whole.slice(0, whole.length - cut));
    assert.equal((await seal(store)).row.length, extentHeaderBytes + 2 * bytesEach, `${cut}`);
  }
});

test("seal: a last record with one bad block is not part of the extent", async () => {
  const { store, refs } = await abandoned(3);
  onlyFile(store)[must(refs[2], "three records").offset + 500]! ^= 1;
  assert.equal((await seal(store)).row.length, extentHeaderBytes + 2 * bytesEach);
});

test("C1: damage before the last record costs no record behind it, and is reported", async () => {
  for (const at of [0, 30, 500]) {
    const { store, refs } = await abandoned(3);
    onlyFile(store)[must(refs[0], "three records").offset + at]! ^= 1;
    assert.equal((await seal(store)).row.length, extentHeaderBytes + 3 * bytesEach, `byte ${at}`);
    const events = store.logged.map(({ event }) => event);
    assert.ok(events.includes("extent_sealed_with_damage"));
  }
});

test("C1: a paused writer acknowledges nothing once its extent is sealed", async () => {
  const store = await TestStore.create(hash);
  const writer = store.writer();
  await writer.append(standardExtents, identityOf(0), payloadOf(1000));
  const { row } = await seal(store);
  const fenced = { code: "fenced" };
  await assert.rejects(writer.append(standardExtents, identityOf(1), payloadOf(1000)), fenced);
  await assert.rejects(writer.append(standardExtents, identityOf(2), payloadOf(1000)), fenced);
  const stop = new AbortController();
  const running = writer.run(stop.signal);
  stop.abort();
  await running;
  assert.deepEqual(onlyEntry(store).row, row, "the writer leaves the row alone");
});

test("C1: a writer paused between write and sync answers only if the seal found its record", async () => {
  // Its append is held back at each of its operations while the extent is sealed.
  for (const [pausedAt, operation] of ["write", "sync", "read"].entries()) {
    const { store } = await abandoned(0);
    const writer = store.writer();
    await writer.append(standardExtents, identityOf(0), payloadOf(1000));
    let operations = 0;
    let resume = () => {};
    store.memoryDisks[0]!.before = () =>
      operations++ === pausedAt ? new Promise((resolve) => (resume = resolve)) : undefined;
    const answer = writer.append(standardExtents, identityOf(1), payloadOf(1000)).then(
      (ref) => ref.offset + bytesEach,
      () => 0,
    );
    await settle();
    const { row } = await seal(store);
    resume();
    assert.ok((await answer) <= row.length, `paused before ${operation}`);
  }
});

test("C1: a writer that appends while its extent is sealed answers only if the seal found its record", async () => {
  for (let pausedAt = 0, isDone = false; !isDone; pausedAt++) {
    const store = await TestStore.create(hash);
    const writer = store.writer();
    await writer.append(standardExtents, identityOf(0), payloadOf(1000));
    let operations = 0;
    let resume = () => {};
    const pause = (): void | Promise<void> =>
      operations++ === pausedAt ? new Promise((resolve) => (resume = resolve)) : undefined;
    store.memoryDisks[0]!.before = pause;
    const sealing = seal(store);
    await settle();
    isDone = operations <= pausedAt;
    const answer = writer.append(standardExtents, identityOf(1), payloadOf(1000)).then(
      (ref) => ref.offset + bytesEach,
      () => 0,
    );
    await settle();
    resume();
    assert.ok((await answer) <= (await sealing).row.length, `paused at ${pausedAt}`);
    assert.ok(pausedAt < 50);
  }
});

test("seal: the epoch goes to the slot that is not current, and the records found are synced", async () => {
  const { store } = await abandoned(2);
  const slot = onlyFile(store).slice(0, extentHeaderSlotBytes);
  const operations: string[] = [];
  store.memoryDisks[0]!.before = (operation) => void operations.push(operation);
  await seal(store);
  assert.deepEqual(onlyFile(store).slice(0, extentHeaderSlotBytes), slot);
  const afterIdentity = operations.slice(2);
  const epoch = ["open", "read", "read", "write", "sync"];
  assert.deepEqual(afterIdentity, [...epoch, "read", "read", "write", "sync", "isInPlace"]);
});

test("C1: what a sync failed to write, and gives back all the same, is durable once it is sealed", async () => {
  const { store } = await abandoned(3);
  const before = onlyFile(store).slice();
  const written: Uint8Array[] = [];
  const [disk] = store.memoryDisks;
  const open = disk!.open.bind(disk);
  disk!.open = async (path, mode) => {
    const file = await open(path, mode);
    const write = file.write.bind(file);
    file.write = (parts, offset) => {
      if (offset >= extentHeaderBytes) written.push(...parts);
      return write(parts, offset);
    };
    return file;
  };
  await seal(store);
  assert.deepEqual(written, [before.subarray(extentHeaderBytes)]);
});

test("C1: a crash at any operation of a seal leaves an extent that can be sealed again, to the same length", async () => {
  for (let crashAt = 0, isDone = false; !isDone; crashAt++) {
    const { store } = await abandoned(4);
    let operations = 0;
    const crash = (): void => {
      if (operations++ === crashAt) throw new DiskError("io", "crash");
    };
    store.memoryDisks[0]!.before = crash;
    store.table.before = crash;
    isDone = await seal(store).then(
      () => true,
      () => false,
    );
    store.memoryDisks[0]!.before = () => {};
    store.table.before = () => {};
    const { row } = await seal(store);
    assert.equal(row.length, extentHeaderBytes + 4 * bytesEach);
    assert.equal(row.state, "settled");
    assert.ok(crashAt < 100);
  }
});

test("seal: a torn header slot leaves the other; with both bad the records still count", async () => {
  const { store } = await abandoned(2);
  const bytes = onlyFile(store);
  bytes.fill(0xee, 0, extentHeaderSlotBytes);
  const sealed = await seal(store);
  assert.equal(sealed.row.length, extentHeaderBytes + 2 * bytesEach);
  assert.equal(sealed.row.epoch, 2);
});

test("seal: an extent without a file has length 0 and can be dropped", async () => {
  const { store } = await abandoned(1);
  store.memoryDisks[0]!.files.delete(store.extentFiles()[0]!);
  const entry = await seal(store);
  assert.equal(entry.row.length, 0);
  assert.equal(entry.row.state, "settled");
  assert.equal(await dropExtent(await toDrop(store, entry)), "ok");
  assert.equal(store.table.entries.size, 0);
});

test("C5: while its disk is not mounted an extent is neither sealed as empty nor dropped", async () => {
  const { store } = await abandoned(1);
  const [disk] = store.memoryDisks;
  const files = [...disk!.files];
  disk!.files.clear();
  await assert.rejects(seal(store), { code: "missing", message: /mount the disk with id/ });
  assert.equal(onlyEntry(store).row.state, "open");
  for (const [path, bytes] of files) disk!.files.set(path, bytes);
  const sealed = await seal(store);
  const drop = await toDrop(store, sealed);
  disk!.files.clear();
  assert.equal(await dropExtent(drop), "away");
  assert.equal(store.table.entries.size, 1);
});

test("seal: another process's seal is found, and rows that changed meanwhile are kept", async () => {
  const { store } = await abandoned(1);
  const entry = onlyEntry(store);
  await store.table.replace(entry, { ...entry.row, deadBytes: 5 });
  const sealed = await seal(store, entry);
  assert.equal(sealed.row.deadBytes, 5);
  assert.deepEqual(await seal(store, entry), sealed);
});

test("C9: a drop removes the file before the row, durably, and dropping again is no error", async () => {
  const { store } = await abandoned(1);
  const sealed = await seal(store);
  const drop = await toDrop(store, sealed);
  store.table.before = () => {
    throw new Error("crash before the row is removed");
  };
  await assert.rejects(dropExtent(drop));
  assert.deepEqual(store.extentFiles(), []);
  store.table.before = () => {};
  const syncs = store.memoryDisks[0]!.count("syncDirectory");
  assert.equal(await dropExtent(drop), "ok");
  assert.equal(store.memoryDisks[0]!.count("syncDirectory"), syncs + 1);
  assert.equal(store.table.entries.size, 0);
});

for (const pausedAt of ["create", "syncDirectory"] as const) {
  test(`C5: a writer taken for dead as it made its file (${pausedAt}) leaves none behind`, async () => {
    const store = await TestStore.create(hash);
    const [disk] = store.memoryDisks;
    let dropped: number | undefined;
    disk!.before = async (operation, path) => {
      const isSetUp = path === "" || path === "extents";
      if (operation !== pausedAt || isSetUp || dropped !== undefined) return;
      const entry = await seal(store);
      dropped = entry.id;
      assert.equal(await dropExtent(await toDrop(store, entry)), "ok");
    };
    // Had its session been fenced, opening another extent would have failed.
    const ref = await store.writer().append(standardExtents, identityOf(0), payloadOf(1000));
    assert.notEqual(dropped, undefined);
    assert.notEqual(ref.extent, dropped);
    assert.deepEqual(store.extentFiles(), [extentPath(ref.extent)]);
  });
}

test("C5: a file that a writer taken for dead makes while its row is removed goes as well", async () => {
  const { store } = await abandoned(0);
  const writer = store.writer();
  const [disk] = store.memoryDisks;
  await writer.append(standardExtents, identityOf(0), payloadOf(1000));
  const path = store.extentFiles()[0]!;
  disk!.files.delete(path);
  const drop = await toDrop(store, await seal(store));
  store.table.before = () => {
    disk!.files.set(path, new Uint8Array(10));
  };
  assert.equal(await dropExtent(drop), "ok");
  assert.deepEqual(store.extentFiles(), []);
});

test("drop: an extent that is in use is not dropped", async () => {
  const { store } = await abandoned(1);
  const { platform, disks, table } = store;
  const drop = { platform, disks, table, entry: onlyEntry(store) };
  await assert.rejects(dropExtent(drop), /can't be dropped/);
});
