import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../base/bytes.ts";
import type { ChangeId } from "../format/ids.ts";
import { idOfText } from "../format/ids.ts";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { MemoryDisk } from "./testing/memory-disk.ts";
import { testStoreId } from "./testing/test-store.ts";
import {
  isSnapshotCopy,
  listSnapshots,
  readSnapshotHead,
  readSnapshotRows,
  removeSnapshot,
  remakeSnapshot,
  SnapshotFileWriter,
} from "./snapshot-files.ts";

const hash = createHash();
const head = (sequence: number) => ({
  store: testStoreId,
  position: { sequence, checksum: new Uint8Array(16).fill(7) },
  generation: 4,
  createdMs: 5,
});
const stamp = idOfText<ChangeId>("c".repeat(32));
const rowsFrom = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({
    key: encodeUtf8(String(first + i).padStart(6, "0")),
    stamp,
    value: encodeUtf8(`value ${first + i}`),
  }));

async function write(disk: MemoryDisk, sequence: number): Promise<void> {
  const writer = await SnapshotFileWriter.begin(hash, disk, head(sequence));
  await writer.rows(rowsFrom(0, 100));
  await writer.rows(rowsFrom(100, 50));
  await writer.finish();
}

async function read(disk: MemoryDisk, sequence: number) {
  const rows = [];
  for await (const some of readSnapshotRows(hash, disk, sequence)) rows.push(...some);
  return rows;
}

test("index snapshot: what was written is read again, the newest first", async () => {
  const disk = new MemoryDisk();
  await write(disk, 9);
  await write(disk, 10);
  assert.deepEqual(await listSnapshots(disk), [10, 9]);
  assert.deepEqual(await readSnapshotHead(hash, disk, 9), head(9));
  assert.deepEqual(await read(disk, 10), rowsFrom(0, 150));
  await removeSnapshot(disk, 9);
  assert.deepEqual(await listSnapshots(disk), [10]);
  assert.equal(disk.filesOpen, 0);
});

test("index snapshot: any byte that is changed, and a cut anywhere, is noticed", async () => {
  const disk = new MemoryDisk();
  await write(disk, 1);
  const [path = ""] = disk.files.keys();
  const whole = disk.bytesOf(path);
  for (let at = 0; at < whole.length; at += 61) {
    const changed = whole.slice();
    changed[at]! ^= 0x10;
    disk.files.set(path, changed);
    await assert.rejects(read(disk, 1), { name: "StoreError" }, `byte ${at}`);
    disk.files.set(path, whole.slice(0, at));
    await assert.rejects(read(disk, 1), { code: "corrupt" }, `cut at ${at}`);
  }
});

test("index snapshot: one that was not finished is none, and leaves nothing", async () => {
  const disk = new MemoryDisk();
  const writer = await SnapshotFileWriter.begin(hash, disk, head(3));
  await writer.rows(rowsFrom(0, 10));
  assert.deepEqual(await listSnapshots(disk), []);
  await writer.giveUp();
  assert.equal(disk.files.size, 0);
  disk.before = (operation) => {
    if (operation === "sync") throw new DiskError("io", "the disk failed");
  };
  await assert.rejects(write(disk, 4), DiskError);
  assert.deepEqual(await listSnapshots(disk), []);
});

test("index snapshot: it is synced before it gets its name", async () => {
  const disk = new MemoryDisk();
  const done: string[] = [];
  disk.before = (operation) => void done.push(operation);
  await write(disk, 5);
  assert.deepEqual(done.slice(-3), ["sync", "rename", "syncDirectory"]);
});

test("C5: a bad copy of a snapshot is made anew from a good one, whose every byte is read back", async () => {
  const [from, to] = [new MemoryDisk("/a"), new MemoryDisk("/b")];
  for (const disk of [from, to]) await write(disk, 7);
  const [path = ""] = to.files.keys();
  to.bytesOf(path)[10]! ^= 1; // in its head
  const copies = { sequence: 7, from, to };
  assert.equal(await isSnapshotCopy(hash, copies), true);
  const bad = to.bytesOf(path).slice();
  to.before = (operation, name) => {
    if (operation === "sync" && name.endsWith(".new")) to.bytesOf(name)[200]! ^= 1;
  };
  const remake = async (): Promise<void> => {
    for await (const _ of remakeSnapshot(hash, copies));
  };
  await assert.rejects(remake(), { code: "corrupt" });
  assert.deepEqual([...to.files.keys()], [path]);
  assert.deepEqual(to.bytesOf(path), bad);
  to.before = () => undefined;
  await remake();
  assert.deepEqual(to.bytesOf(path), from.bytesOf(path));
  to.files.set(path, new Uint8Array(bad.length).fill(7));
  assert.equal(await isSnapshotCopy(hash, copies), false);
});
