import assert from "node:assert/strict";
import test from "node:test";
import { standardExtents } from "../../extent/testing/test-store.ts";
import { encodeUtf8 } from "../../base/bytes.ts";
import { StoreError } from "../../base/errors.ts";
import type { ChunkRef } from "../../format/chunk-ref.ts";
import { chunkBytesMax } from "../../format/limits.ts";
import { encodeObjectRow, type ObjectRow } from "../../format/object-row.ts";
import { createHash } from "../../node/platform/hash.ts";
import { dataRecord } from "../blob-writer.ts";
import { getObject } from "./get.ts";
import { pieceBytesMax } from "./answer-budget.ts";
import { blobOf } from "./chunk-finder.ts";
import type { ObjectStore } from "../object-store.ts";
import { openTarget } from "../target.ts";
import { bucketOf, collect, get, ok, patterned, put } from "../testing/bodies.ts";
import { createTestStore, key, testBucket, type TestStore } from "../testing/test-store.ts";
import { remove } from "../testing/versions.ts";
import { readAgain, readHead } from "../../rows/versions.ts";
import { setVersioning } from "../bucket/buckets.ts";
import { inNamedBucket } from "../bucket/in-named-bucket.ts";

const hash = createHash();
const inBucket = { bucket: testBucket, conditions: {} };
const bytes = patterned(2 * chunkBytesMax + 100);

/** A store from which records can be taken away, as when their extent is dropped. */
async function createDropping() {
  const store = await createTestStore(hash);
  const gone = new Set<string>();
  const nameOf = ({ extent, offset }: ChunkRef) => `${extent}@${offset}`;
  const reader: ObjectStore["reader"] = {
    ...store.reader,
    async read(...[ref, ...rest]) {
      if (gone.has(nameOf(ref))) throw new StoreError("missing", "the extent has gone");
      return store.reader.read(ref, ...rest);
    },
  };
  const drop = (refs: readonly ChunkRef[]) => refs.forEach((ref) => gone.add(nameOf(ref)));
  return { ...store, reader, drop };
}

/**
 * Copies the chunks of "k", or of an older version of it, and flips its row, as compaction does;
 * returns where they were.
 */
async function compact(store: TestStore, version?: ObjectRow): Promise<readonly ChunkRef[]> {
  const target = ok(openTarget(store, await bucketOf(store), key("k")));
  const head = await (version === undefined ? readHead(target) : readAgain(target, version));
  assert.ok(head !== undefined && head.row.data.kind === "chunks");
  const chunks: ChunkRef[] = [];
  for (const [index, ref] of head.row.data.chunks.entries()) {
    const identity = dataRecord(blobOf(target, head.row), index);
    const payload = await store.reader.read(ref, identity, 0, ref.length);
    chunks.push(await store.writer.append(standardExtents, identity, payload));
  }
  const { rowKey } = head;
  const { outcome } = await target.partition.commit({
    id: store.keymap.session.nextChangeId(),
    checks: [{ key: rowKey, expect: head.stamp }],
    puts: [
      { key: rowKey, value: encodeObjectRow({ ...head.row, data: { kind: "chunks", chunks } }) },
    ],
    deletes: [],
  });
  assert.equal(outcome, "ok");
  return head.row.data.chunks;
}

test("get: goes on where the data moved to while it was being read", async () => {
  const store = await createDropping();
  ok(await put(store, "k", bytes));
  const read = ok(
    await inNamedBucket(store, getObject, { bucket: testBucket, key: key("k"), conditions: {} }),
  );
  const parts: Uint8Array[] = [];
  for await (const part of read.body) {
    parts.push(part.slice()); // a piece lasts until the next
    if (parts.length < 3) store.drop(await compact(store));
  }
  assert.deepEqual(Buffer.concat(parts), Buffer.from(bytes));
});

test("get: a small range is one value, over two chunks and where its data moved", async () => {
  const store = await createDropping();
  ok(await put(store, "k", bytes));
  const [first, last] = [chunkBytesMax - 1000, chunkBytesMax + 1000];
  const range = { kind: "from", first, last } as const;
  const read = ok(await inNamedBucket(store, getObject, { ...inBucket, key: key("k"), range }));
  assert.deepEqual(await read.body.begin(), bytes.subarray(first, last + 1));
  store.drop(await compact(store));
  assert.deepEqual(await read.body.begin(), bytes.subarray(first, last + 1));
});

test("get: what is in memory is answered without a promise", async () => {
  const store = await createTestStore(hash);
  ok(await put(store, "k", "small"));
  const small = encodeUtf8("small");
  const reader = { ...store.reader, read: () => small };
  const bucket = await bucketOf(store);
  const read = getObject({ ...store, reader }, { ...inBucket, bucket, key: key("k") });
  assert.ok(!(read instanceof Promise));
  assert.equal(ok(read).body.begin(), small);
});

test("get: goes on where a version moved to, from the head to the older ones and back", async () => {
  const store = await createDropping();
  ok(await setVersioning(store, testBucket, "enabled"));
  ok(await put(store, "k", bytes));
  const read = ok(
    await inNamedBucket(store, getObject, { bucket: testBucket, key: key("k"), conditions: {} }),
  );
  const parts: Uint8Array[] = [];
  let newer: string | undefined;
  for await (const part of read.body) {
    parts.push(part.slice());
    if (newer === undefined) newer = ok(await put(store, "k", "newer")).versionId;
    else await remove(store, "k", newer);
    if (parts.length < 3) store.drop(await compact(store, read.row));
  }
  assert.deepEqual(Buffer.concat(parts), Buffer.from(bytes));
});

test("get: data that is missing, or another object by now, ends the body with a throw", async () => {
  const store = await createDropping();
  ok(await put(store, "k", "lost"));
  store.drop(store.writer.appended);
  await assert.rejects(get(store, "k"), { code: "missing" });
  const read = ok(
    await inNamedBucket(store, getObject, { bucket: testBucket, key: key("k"), conditions: {} }),
  );
  ok(await put(store, "k", "another"));
  await assert.rejects(collect(read.body), { code: "missing" });
});

test("get: a read is tracked from its first pull until it ends, throws or is given up, and not before", async () => {
  const store = await createDropping();
  ok(await put(store, "k", bytes));
  const isReading = () => store.reads.isUnderWay(store.reads.period);
  const read = ok(
    await inNamedBucket(store, getObject, { bucket: testBucket, key: key("k"), conditions: {} }),
  );
  assert.equal(isReading(), false);
  for await (const part of read.body) {
    assert.ok(isReading());
    if (part.length > 0) break;
  }
  assert.equal(isReading(), false);
  ok(await get(store, "k"));
  store.drop(store.writer.appended);
  await assert.rejects(get(store, "k"), { code: "missing" });
  assert.equal(isReading(), false);
});

test("C6: get reads one piece ahead, and only when pulled", async () => {
  const store = await createTestStore(hash);
  ok(await put(store, "k", patterned(4 * pieceBytesMax)));
  const before = store.reader.statistics().reads;
  const read = ok(
    await inNamedBucket(store, getObject, { bucket: testBucket, key: key("k"), conditions: {} }),
  );
  assert.equal(store.reader.statistics().reads, before);
  for await (const part of read.body) {
    assert.equal(part.length, pieceBytesMax);
    break;
  }
  assert.equal(store.reader.statistics().reads, before + 2);
});

test("C6: get reads into the same two buffers over and over, and keeps none that may still be sent", async () => {
  const store = await createTestStore(hash);
  const { readBuffers } = store.buffers;
  const large = patterned(9 * pieceBytesMax + 5);
  ok(await put(store, "k", large));
  assert.deepEqual(Buffer.from(ok(await get(store, "k"))), Buffer.from(large));
  assert.equal(readBuffers.freeBuffers, 2);
  const read = ok(
    await inNamedBucket(store, getObject, { bucket: testBucket, key: key("k"), conditions: {} }),
  );
  for await (const part of read.body) {
    const first = part.slice();
    ok(await get(store, "k"));
    assert.deepEqual(part, first, "others do not read into what is being sent");
    break;
  }
  assert.equal(readBuffers.freeBuffers, 2);
});

test("C4: get does not use a buffer again that another member's late answer may come into", async () => {
  const plain = await createTestStore(hash);
  const large = patterned(3 * pieceBytesMax);
  ok(await put(plain, "k", large));
  // As where the member that was asked first has not answered yet.
  const late: Uint8Array[] = [];
  const reader: ObjectStore["reader"] = {
    ...plain.reader,
    async read(ref, identity, start, end, { buffer, opened } = {}) {
      if (buffer !== undefined) late.push(buffer);
      return plain.reader.read(ref, identity, start, end, { opened });
    },
  };
  const store = { ...plain, reader };
  assert.deepEqual(Buffer.from(ok(await get(store, "k"))), Buffer.from(large));
  assert.equal(new Set(late).size, 3);
  assert.equal(store.buffers.readBuffers.freeBuffers, 0);
});
