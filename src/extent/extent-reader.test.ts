import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ChunkRef } from "../format/chunk-ref.ts";
import { recordHeaderBytes } from "../format/record.ts";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { settle } from "./testing/manual-clock.ts";
import { identityOf, payloadOf, TestStore, standardExtents } from "./testing/test-store.ts";

const hash = createHash();
const length = 300_000;
const payload = payloadOf(length);

async function storeWithChunk(): Promise<{ store: TestStore; ref: ChunkRef }> {
  const store = await TestStore.create(hash);
  const ref = await store.writer().append(standardExtents, identityOf(0), payload);
  return { store, ref };
}

test("reader: ranges of one open file take one read, or two where much lies before them", async () => {
  const { store, ref } = await storeWithChunk();
  const reader = store.reader();
  const [disk] = store.memoryDisks;
  const opened = disk!.count("open");
  const readsFor = async (start: number, end: number): Promise<number> => {
    const before = disk!.count("read");
    assert.deepEqual(
      await reader.read(ref, identityOf(0), start, end),
      payload.subarray(start, end),
    );
    return disk!.count("read") - before;
  };
  assert.equal(await readsFor(0, length), 1);
  assert.equal(await readsFor(0, 1), 1);
  assert.equal(await readsFor(100_000, 100_001), 1);
  assert.equal(await readsFor(250_000, length), 2);
  assert.equal(await readsFor(0, 0), 1);
  assert.equal(disk!.count("open") - opened, 1);
  await reader.close();
});

test("C4: of an opened record the header is read once, and each block is still verified", async () => {
  const { store, ref } = await storeWithChunk();
  const reader = store.reader();
  const [disk] = store.memoryDisks;
  const opened = {};
  const readsFor = async (start: number, end: number): Promise<number> => {
    const before = disk!.count("read");
    const bytes = await reader.read(ref, identityOf(0), start, end, { opened });
    assert.deepEqual(bytes, payload.subarray(start, end));
    return disk!.count("read") - before;
  };
  assert.equal(await readsFor(250_000, length), 2);
  assert.equal(await readsFor(250_000, length), 1);
  const again = async () => reader.read(ref, identityOf(0), 0, 70_000, { opened });
  await assert.rejects(async () => reader.read(ref, identityOf(1), 0, 1, { opened }), {
    code: "corrupt",
  });
  assert.equal((await again()).length, 70_000);
  const headerBytes = recordHeaderBytes(identityOf(0).key.length, length);
  disk!.bytesOf(store.extentFiles()[0]!)[ref.offset + headerBytes + 66_000]! ^= 1;
  await assert.rejects(again, { code: "corrupt" });
  await reader.close();
});

test("C4: a flipped bit anywhere is found by every read that touches it, and never served", async () => {
  const { store, ref } = await storeWithChunk();
  const reader = store.reader();
  const [path] = store.extentFiles();
  const bytes = store.memoryDisks[0]!.bytesOf(path!);
  const headerBytes = recordHeaderBytes(identityOf(0).key.length, length);
  let corruptions = 0;
  const range = fc.tuple(fc.nat(length), fc.nat(length));
  const bit = fc.oneof(fc.nat(headerBytes * 8 - 1), fc.nat((headerBytes + length) * 8 - 1));
  await fc.assert(
    fc.asyncProperty(bit, range, async (flipped, [a, b]) => {
      const [start, end] = a < b ? [a, b] : [b, a];
      const at = flipped >> 3;
      bytes[ref.offset + at]! ^= 1 << (flipped & 7);
      const read = Promise.resolve(reader.read(ref, identityOf(0), start, end));
      const result = await read.catch((e: unknown) => e);
      bytes[ref.offset + at]! ^= 1 << (flipped & 7);
      const isTouched = at < headerBytes || (start + headerBytes <= at && at < end + headerBytes);
      if (result instanceof Error) corruptions++;
      else assert.deepEqual(result, payload.subarray(start, end));
      if (isTouched) assert.ok(result instanceof Error, `bit ${flipped} was not noticed`);
    }),
    { numRuns: 200 },
  );
  assert.equal(reader.statistics().corruptions, corruptions);
  await reader.close();
});

test("C4: a valid record that is not the one meant is not served", async () => {
  const { store, ref } = await storeWithChunk();
  const other = await store.writer().append(standardExtents, identityOf(1), payload);
  const reader = store.reader();
  const wrong = { code: "corrupt" };
  await assert.rejects(async () => reader.read(ref, identityOf(1), 0, 1), wrong);
  await assert.rejects(async () => reader.read(ref, identityOf(0, "b/key"), 0, 1), wrong);
  const checksum = ref.checksum ^ 1;
  await assert.rejects(async () => reader.read({ ...ref, checksum }, identityOf(0), 0, 1), wrong);
  // A misplaced write: the second extent's bytes where the first one's should be.
  const [disk] = store.memoryDisks;
  const [first, second] = store.extentFiles();
  disk!.files.set(first!, disk!.bytesOf(second!));
  assert.equal(other.offset, ref.offset);
  await assert.rejects(async () => reader.read(ref, identityOf(0), 0, 1), wrong);
  assert.equal(reader.statistics().corruptions, 4);
  await reader.close();
});

test("reader: a file that ends within the record is corrupt, not short", async () => {
  const { store, ref } = await storeWithChunk();
  const [path] = store.extentFiles();
  const [disk] = store.memoryDisks;
  disk!.files.set(path!, disk!.bytesOf(path!).slice(0, ref.offset + 1000));
  const reader = store.reader();
  await assert.rejects(async () => reader.read(ref, identityOf(0), 0, length), { code: "corrupt" });
  await reader.close();
});

test("reader: a removed extent is `missing`; a failing disk is `io` and may recover", async () => {
  const { store, ref } = await storeWithChunk();
  const reader = store.reader();
  const [disk] = store.memoryDisks;
  disk!.before = () => {
    throw new DiskError("io", "unreadable");
  };
  await assert.rejects(async () => reader.read(ref, identityOf(0), 0, 1), { code: "io" });
  disk!.before = () => {};
  assert.equal((await reader.read(ref, identityOf(0), 0, 1)).length, 1);
  await reader.close();
  // A process that has the file open can still read it.
  const later = store.reader();
  disk!.files.delete(store.extentFiles()[0]!);
  await assert.rejects(async () => later.read(ref, identityOf(0), 0, 1), { code: "missing" });
  store.table.entries.clear();
  await assert.rejects(async () => later.read(ref, identityOf(0), 0, 1), { code: "missing" });
  await later.close();
});

test("reader: an unused file is closed, so that a dropped extent's space is freed", async () => {
  const { store, ref } = await storeWithChunk();
  const reader = store.reader();
  await reader.read(ref, identityOf(0), 0, 1);
  assert.equal(store.memoryDisks[0]!.filesOpen, 2, "the writer's and the reader's");
  await store.clock.advance(61_000);
  assert.equal(store.memoryDisks[0]!.filesOpen, 1);
  assert.equal((await reader.read(ref, identityOf(0), 0, 1)).length, 1);
  await reader.close();
  assert.equal(store.memoryDisks[0]!.filesOpen, 1);
  assert.equal(store.clock.sleepers, 0);
});

test("C6: reader: past its limits a read is refused as overloaded", async () => {
  const { store, ref } = await storeWithChunk();
  const reader = store.reader();
  let release = () => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  store.memoryDisks[0]!.before = () => gate;
  const [readsUnderWayMax, readsWaitingMax] = [6, 4096];
  const count = readsUnderWayMax + readsWaitingMax + 10;
  const reads = Array.from({ length: count }, () =>
    Promise.resolve(reader.read(ref, identityOf(0), 0, length)).then(
      () => "ok",
      (error: { code?: string }) => error.code,
    ),
  );
  await settle();
  store.memoryDisks[0]!.files.clear();
  release();
  const results = await Promise.all(reads);
  assert.equal(results.filter((result) => result === "overloaded").length, 10);
  await reader.close();
});
