import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../node/platform/hash.ts";
import type { ChunkRef } from "../format/chunk-ref.ts";
import type { ExtentReader } from "./extent-reader.ts";
import { identityOf, payloadOf, TestStore, standardExtents } from "./testing/test-store.ts";

const hash = createHash();
const length = 4096;
const payload = payloadOf(length);
/** Space for eight records of `length`, and not for nine. */
const cacheBytes = 8 * (length + 1024);

async function storeOf(count: number): Promise<{ store: TestStore; refs: ChunkRef[] }> {
  const store = await TestStore.create(hash);
  const writer = store.writer();
  const refs = await Promise.all(
    Array.from({ length: count }, (_, i) => writer.append(standardExtents, identityOf(i), payload)),
  );
  return { store, refs };
}

const read = (reader: ExtentReader, refs: readonly ChunkRef[], index: number) =>
  reader.read(refs[index]!, identityOf(index), 0, length);

test("reader: what is asked for again comes from memory, in any range", async () => {
  const { store, refs } = await storeOf(1);
  const reader = store.reader(cacheBytes);
  await read(reader, refs, 0);
  await read(reader, refs, 0);
  const reads = store.memoryDisks[0]!.count("read");
  assert.deepEqual(await read(reader, refs, 0), payload);
  const part = await reader.read(refs[0]!, identityOf(0), 10, 20);
  assert.deepEqual(part, payload.subarray(10, 20));
  assert.equal(store.memoryDisks[0]!.count("read"), reads);
  const { reads: all, hits, bytes } = reader.statistics();
  assert.deepEqual({ all, hits, bytes }, { all: 4, hits: 2, bytes: 3 * length + 10 });
  await reader.close();
});

test("reader: what is in memory is the value itself, and not a promise of it", async () => {
  const { store, refs } = await storeOf(1);
  const reader = store.reader(cacheBytes);
  for (const isPromise of [true, true, false]) {
    const answer = read(reader, refs, 0);
    assert.equal(answer instanceof Promise, isPromise);
    assert.deepEqual(await answer, payload);
  }
  await reader.close();
});

test("reader: all of many that are asked for in turn come from memory soon", async () => {
  const count = 1500;
  const { store, refs } = await storeOf(count);
  const reader = store.reader(count * (length + 1024));
  const round = async (): Promise<number> => {
    const before = store.memoryDisks[0]!.count("read");
    for (let i = 0; i < count; i++) await read(reader, refs, i);
    return store.memoryDisks[0]!.count("read") - before;
  };
  await round();
  await round();
  assert.equal(await round(), 0);
  await reader.close();
});

test("C4: memory answers only for the reference and identity that were verified", async () => {
  const { store, refs } = await storeOf(1);
  const reader = store.reader(cacheBytes);
  const ref = refs[0]!;
  for (let i = 0; i < 3; i++) await read(reader, refs, 0);
  const wrong = { code: "corrupt" };
  await assert.rejects(async () => reader.read(ref, identityOf(1), 0, length), wrong);
  await assert.rejects(async () => reader.read(ref, identityOf(0, "b/key"), 0, length), wrong);
  const short = { ...ref, length: length - 1 };
  await assert.rejects(async () => reader.read(short, identityOf(0), 0, length - 1), wrong);
  await assert.rejects(
    async () => reader.read({ ...ref, offset: 0 }, identityOf(0), 0, length),
    wrong,
  );
  assert.equal(reader.statistics().hits, 1);
  await reader.close();
});

test("C4: bytes that changed in memory are read from the disk again", async () => {
  const { store, refs } = await storeOf(1);
  const reader = store.reader(cacheBytes);
  await read(reader, refs, 0);
  const kept = await read(reader, refs, 0);
  kept[7]! ^= 1;
  assert.deepEqual(await read(reader, refs, 0), payload);
  assert.deepEqual(await read(reader, refs, 0), payload);
  await reader.close();
});

test("C6: memory keeps what was read last, within its bound", async () => {
  const { store, refs } = await storeOf(10);
  const reader = store.reader(cacheBytes);
  const hitsOf = async (index: number): Promise<number> => {
    const { hits } = reader.statistics();
    await read(reader, refs, index);
    return reader.statistics().hits - hits;
  };
  for (let i = 0; i < 10; i++) {
    await read(reader, refs, i);
    await read(reader, refs, i);
    assert.equal(await hitsOf(0), 1, `read all the time, after ${i}`);
  }
  for (const kept of [9, 8, 7, 6, 5, 4, 3, 0]) assert.equal(await hitsOf(kept), 1, `${kept}`);
  for (const gone of [2, 1]) assert.equal(await hitsOf(gone), 0, `${gone}`);
  await reader.close();
});

test("reader: what is read once drives out nothing", async () => {
  const { store, refs } = await storeOf(40);
  const reader = store.reader(cacheBytes);
  await read(reader, refs, 0);
  await read(reader, refs, 0);
  for (let i = 1; i < 40; i++) await read(reader, refs, i);
  await read(reader, refs, 0);
  assert.equal(reader.statistics().hits, 1);
  await reader.close();
});
