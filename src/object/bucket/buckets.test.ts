import assert from "node:assert/strict";
import test from "node:test";
import { encodeUtf8 } from "../../base/bytes.ts";
import { encodeBucketRow } from "../../format/bucket-row.ts";
import { bucketFenceKey, bucketKey, space, spaceRange } from "../../format/row-keys.ts";
import { closeFences } from "../../keymap/bucket-lifecycle.ts";
import { createHash } from "../../node/platform/hash.ts";
import { DecodedBuckets } from "../decoded-buckets.ts";
import { createBucket, deleteBucket, getBucket, listBuckets } from "./buckets.ts";
import { deleteObject } from "../write/delete.ts";
import type { ObjectStore } from "../object-store.ts";
import { putObject } from "../write/put.ts";
import {
  always,
  attributes,
  get,
  inPieces,
  ok,
  put,
  refusalOf,
  incomingOf,
} from "../testing/bodies.ts";
import { freedIn, refsOf } from "../testing/garbage.ts";
import { createTestStore, key, testBucket, testOwner } from "../testing/test-store.ts";
import { startUpload } from "../testing/uploads.ts";
import { readRow } from "../../engine/engine.ts";
import { inNamedBucket } from "./in-named-bucket.ts";

const hash = createHash();
const region = "us-east-1";

function create(store: ObjectStore, name: string, account = testOwner.account) {
  return createBucket(store, { name, owner: testOwner.owner, account, region });
}

test("C2: a bucket's row that was decoded before is never served in place of a newer one", async () => {
  const store = await createTestStore(hash);
  const first = ok(await create(store, "photos"));
  assert.deepEqual(await getBucket(store, "photos"), first);
  assert.equal(await getBucket(store, "photos"), await getBucket(store, "photos"));
  // Another process replaces the row: by one that differs in a byte, and by another bucket's.
  const elsewhere = { ...store, bucketsDecoded: new DecodedBuckets() };
  const key = bucketKey(encodeUtf8("photos"));
  const { name: _, ...row } = first;
  const value = encodeBucketRow({ ...row, versioning: "enabled" });
  const id = store.keymap.session.nextChangeId();
  await store.keymap.system.commit({ id, checks: [], puts: [{ key, value }], deletes: [] });
  assert.deepEqual(await getBucket(store, "photos"), { ...first, versioning: "enabled" });
  ok(await deleteBucket(elsewhere, "photos"));
  assert.equal(refusalOf(await getBucket(store, "photos")), "noSuchBucket");
  const again = ok(await create(elsewhere, "photos"));
  assert.deepEqual(await getBucket(store, "photos"), again);
});

async function fences(store: ObjectStore): Promise<number> {
  const [partition] = store.keymap.partitions;
  return (await partition!.scan(spaceRange(space.bucketFences), { limit: 100 })).length;
}

test("bucket: made, found, listed, deleted, and made again under a new id", async () => {
  const store = await createTestStore(hash);
  const made = ok(await create(store, "photos"));
  assert.deepEqual(await getBucket(store, "photos"), made);
  assert.equal(refusalOf(await create(store, "photos")), "bucketOwnedByYou");
  assert.equal(refusalOf(await create(store, "photos", "another")), "bucketExists");
  ok(await deleteBucket(store, "photos"));
  assert.equal(refusalOf(await getBucket(store, "photos")), "noSuchBucket");
  assert.equal(refusalOf(await deleteBucket(store, "photos")), "noSuchBucket");
  const again = ok(await create(store, "photos"));
  assert.notEqual(again.id, made.id);
  assert.equal(await fences(store), 2);
});

test("C2: of racing creators just one makes the bucket, and the others leave no fence", async () => {
  const store = await createTestStore(hash);
  const other = await store.machine.frontEnd();
  const racing = Array.from({ length: 16 }, (_, index) =>
    create(index % 2 === 0 ? store : other, "raced"),
  );
  const results = (await Promise.all(racing)).map(refusalOf);
  assert.equal(results.filter((result) => result === "not refused").length, 1);
  assert.equal(results.filter((result) => result === "bucketOwnedByYou").length, 15);
  assert.equal(await fences(store), 2);
});

test("buckets: listed by name, of one account, by prefix, in pages", async () => {
  const store = await createTestStore(hash);
  for (const name of ["a-1", "a-2", "b-1", "c"]) ok(await create(store, name, "lister"));
  ok(await create(store, "a-3", "another"));
  const list = async (more: object) => {
    const page = await listBuckets(store, { account: "lister", limit: 10, ...more });
    return [...page.buckets.map(({ name }) => name), page.more];
  };
  assert.deepEqual(await list({}), ["a-1", "a-2", "b-1", "c", false]);
  assert.deepEqual(await list({ limit: 2 }), ["a-1", "a-2", true]);
  assert.deepEqual(await list({ limit: 2, after: "a-2" }), ["b-1", "c", false]);
  assert.deepEqual(await list({ prefix: "a-" }), ["a-1", "a-2", false]);
  assert.deepEqual(await list({ prefix: "a-", after: "a-1" }), ["a-2", false]);
  assert.deepEqual(await list({ prefix: "a-", after: "z" }), [false]);
  // Longer than any name, and than any key of the index.
  assert.deepEqual(await list({ prefix: "a".repeat(8000) }), [false]);
  assert.deepEqual(await list({ after: "b".repeat(8000) }), ["c", false]);
});

test("delete bucket: refused while an object is in it, which can then still be written", async () => {
  const store = await createTestStore(hash);
  ok(await put(store, "k", "x"));
  assert.equal(refusalOf(await deleteBucket(store, testBucket)), "bucketNotEmpty");
  ok(await put(store, "k", "y"));
  ok(
    await inNamedBucket(store, deleteObject, {
      bucket: testBucket,
      key: key("k"),
      condition: always,
    }),
  );
  ok(await deleteBucket(store, testBucket));
});

test("C5: delete bucket frees the parts of its unfinished uploads", async () => {
  const store = await createTestStore(hash);
  const upload = await startUpload(store);
  await upload.parts([1, 2].map((part) => [part, encodeUtf8("part")] as const));
  ok(await deleteBucket(store, testBucket));
  assert.deepEqual(await freedIn(store), refsOf([], ...store.writer.appended));
  const [partition] = store.keymap.partitions;
  for (const left of [space.uploads, space.parts, space.bucketFences]) {
    assert.deepEqual(await partition!.scan(spaceRange(left), { limit: 1 }), []);
  }
});

test("C2: a put under way while its bucket is deleted is refused, even if the name is there again", async () => {
  const store = await createTestStore(hash);
  const body = async function* () {
    yield encodeUtf8("late");
    ok(await deleteBucket(store, testBucket));
    ok(await create(store, testBucket));
  };
  const incoming = { ...incomingOf(encodeUtf8("late")), body: inPieces(body()) };
  const input = { bucket: testBucket, key: key("k"), attributes, condition: always, incoming };
  assert.equal(refusalOf(await inNamedBucket(store, putObject, input)), "noSuchBucket");
  assert.equal(refusalOf(await get(store, "k")), "noSuchKey");
});

test("C2: a put that looked at the fence before the deletion began cannot commit after it", async () => {
  const store = await createTestStore(hash);
  const { keymap } = store;
  let deleted = 0;
  const late: ObjectStore = {
    ...store,
    keymap: {
      ...keymap,
      partitionOf(...of) {
        const partition = keymap.partitionOf(...of);
        return {
          id: partition.id,
          read: (keys) => partition.read(keys),
          scan: (range, options) => partition.scan(range, options),
          inSnapshot: (read) => partition.inSnapshot(read),
          async commit(change) {
            if (deleted++ === 0) ok(await deleteBucket(store, testBucket));
            return partition.commit(change);
          },
        };
      },
    },
  };
  assert.equal(refusalOf(await put(late, "k", "x")), "noSuchBucket");
  assert.equal(deleted, 1);
  const [partition] = keymap.partitions;
  assert.deepEqual(await partition!.scan(spaceRange(space.heads), { limit: 1 }), []);
});

test("bucket: while it is being deleted writes are asked to try again; a deletion left in the middle can be finished", async () => {
  const store = await createTestStore(hash);
  const bucket = ok(await getBucket(store, testBucket));
  const upload = await startUpload(store);
  await closeFences(store.keymap, bucket.id);
  assert.equal(refusalOf(await put(store, "k", "x")), "operationAborted");
  assert.equal(refusalOf(await upload.part(1, encodeUtf8("x"))), "operationAborted");
  ok(await deleteBucket(store, testBucket));
  assert.equal(await fences(store), 0);
});

test("bucket: a deletion left in the middle is taken back by the next create, or by a delete that fails", async () => {
  const store = await createTestStore(hash);
  const bucket = ok(await getBucket(store, testBucket));
  await closeFences(store.keymap, bucket.id);
  assert.equal(refusalOf(await create(store, testBucket)), "bucketOwnedByYou");
  ok(await put(store, "k", "x"));
  await closeFences(store.keymap, bucket.id);
  assert.equal(refusalOf(await deleteBucket(store, testBucket)), "bucketNotEmpty");
  ok(await put(store, "k", "y"));
});

test("C2: a deletion that was taken back by another cannot delete the bucket any more", async () => {
  const store = await createTestStore(hash);
  const bucket = ok(await getBucket(store, testBucket));
  const { keymap } = store;
  const [partition] = keymap.partitions;
  let scans = 0;
  // Between the look at heads and the end of the deletion another client makes the bucket and puts
  // into it.
  const slow: ObjectStore = {
    ...store,
    keymap: {
      ...keymap,
      partitionsOf: () => [
        {
          id: partition!.id,
          read: (keys) => partition!.read(keys),
          commit: (change) => partition!.commit(change),
          inSnapshot: (read) => partition!.inSnapshot(read),
          async scan(range, options) {
            const rows = await partition!.scan(range, options);
            if (++scans === 4) {
              assert.equal(refusalOf(await create(store, testBucket)), "bucketOwnedByYou");
              ok(await put(store, "k", "kept"));
            }
            return rows;
          },
        },
      ],
    },
  };
  assert.equal(refusalOf(await deleteBucket(slow, testBucket)), "operationAborted");
  assert.equal(scans, 5);
  assert.equal(ok(await get(store, "k")).length, 4);
  assert.ok(await readRow(partition!, bucketFenceKey(bucket.id)));
});
