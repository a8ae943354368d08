import assert from "node:assert/strict";
import test from "node:test";
import { concatBytes } from "../../base/bytes.ts";
import { StoreError } from "../../base/errors.ts";
import type { Change } from "../../engine/engine.ts";
import { space, spaceRange } from "../../format/row-keys.ts";
import type { Partition } from "../../keymap/keymap.ts";
import { createHash } from "../../node/platform/hash.ts";
import { deleteBucket } from "../bucket/buckets.ts";
import { abortUpload, listParts, listUploads } from "./multipart.ts";
import type { ObjectStore } from "../object-store.ts";
import { inNamedBucket } from "../bucket/in-named-bucket.ts";
import { get, ok, patterned, refusalOf } from "../testing/bodies.ts";
import { freedIn, refsOf } from "../testing/garbage.ts";
import { createTestStore, testBucket, type TestStore } from "../testing/test-store.ts";
import { startUpload } from "../testing/uploads.ts";
import { UploadSweep } from "../../control/upload-sweep.ts";

const hash = createHash();
const large = patterned(5 * 1024 ** 2, 7);
const small = patterned(1000, 8);
const allParts = [
  [1, large],
  [2, large],
  [3, large],
  [4, small],
  [5, small],
] as const;

/**
 * A store that ends uploads two parts at a time, and notes what it commits; `refuses` says whether
 * the next is.
 */
async function createStore() {
  const made = await createTestStore(hash);
  const [partition] = made.keymap.partitions;
  const changes: Change[] = [];
  const nothing = (change: Change): boolean => change.id === undefined;
  const control = { refuses: nothing };
  const watched: Partition = {
    id: partition!.id,
    read: (keys) => partition!.read(keys),
    scan: (...of) => partition!.scan(...of),
    inSnapshot: (read) => partition!.inSnapshot(read),
    commit(change) {
      if (control.refuses(change)) throw new StoreError("storage_full", "no space, says the test");
      changes.push(change);
      return partition!.commit(change);
    },
  };
  const keymap = {
    ...made.keymap,
    session: made.keymap.session,
    system: made.keymap.system,
    partitions: [watched],
    partitionOf: () => watched,
    partitionsOf: () => [watched],
  };
  const store = { ...made, keymap, partsPerCommit: 2 };
  return { store, changes, control };
}

async function rowsOf(store: ObjectStore, kind: "uploads" | "parts"): Promise<number> {
  const [partition] = store.keymap.partitions;
  return (await partition!.scan(spaceRange(space[kind]), { limit: 100 })).length;
}

async function sweep(store: TestStore & { partsPerCommit: number }): Promise<void> {
  const counters = { uploadsEnded: 0 };
  const one = new UploadSweep({ ...store, idleMs: undefined, everyMs: 0, counters });
  while ((await one.step()) === "busy");
}

const rowsIn = ({ puts, deletes }: Change): number => puts.length + deletes.length;
const endsUpload = (change: Change): boolean =>
  change.deletes.some((key) => key[0] === space.parts || key[0] === space.uploads);

test("C5: an abort frees its parts in commits of a bounded size", async () => {
  const { store, changes } = await createStore();
  const upload = await startUpload(store);
  await upload.parts(allParts);
  changes.length = 0;
  ok(await inNamedBucket(store, abortUpload, upload.address));
  assert.equal(changes.length, 3);
  assert.ok(changes.every((change) => rowsIn(change) <= 4));
  assert.deepEqual([await rowsOf(store, "uploads"), await rowsOf(store, "parts")], [0, 0]);
  assert.deepEqual(await freedIn(store), refsOf([], ...store.writer.appended));
});

test("C5: an abort that could not free all its parts is answered, invisible, and done with by the sweep", async () => {
  const { store, changes, control } = await createStore();
  const upload = await startUpload(store);
  await upload.parts(allParts);
  changes.length = 0;
  control.refuses = () => changes.length > 0;
  ok(await inNamedBucket(store, abortUpload, upload.address));
  assert.deepEqual([await rowsOf(store, "uploads"), await rowsOf(store, "parts")], [1, 3]);
  const page = { bucket: testBucket, prefix: new Uint8Array(), delimiter: undefined, limit: 10 };
  const listed = await inNamedBucket(store, listUploads, {
    ...page,
    afterKey: undefined,
    afterUpload: undefined,
  });
  assert.deepEqual(ok(listed).items, []);
  const more = { ...upload.address, afterPart: 0, limit: 10 };
  assert.equal(refusalOf(await inNamedBucket(store, listParts, more)), "noSuchUpload");
  assert.equal(refusalOf(await upload.part(6, small)), "noSuchUpload");
  assert.equal(refusalOf(await inNamedBucket(store, abortUpload, upload.address)), "noSuchUpload");
  control.refuses = () => false;
  await sweep(store);
  assert.deepEqual([await rowsOf(store, "uploads"), await rowsOf(store, "parts")], [0, 0]);
});

test("C3, C5: of a Complete rows of parts may be left, which are no garbage, but those not listed are", async () => {
  const { store, changes, control } = await createStore();
  const upload = await startUpload(store);
  const parts = await upload.parts(allParts);
  const unlisted = store.writer.appended.filter(({ length }) => length < 2000).slice(0, 1);
  const listed = parts.filter(({ part }) => part !== 4);
  changes.length = 0;
  control.refuses = (change) => changes.length > 0 && endsUpload(change);
  ok(await upload.complete(listed));
  assert.equal(await rowsOf(store, "parts"), 3);
  assert.deepEqual(await freedIn(store), []);
  assert.deepEqual(ok(await get(store, "k")), concatBytes([large, large, large, small]));
  const again = ok(await upload.complete(listed));
  assert.equal(again.size, 3 * large.length + small.length);
  control.refuses = () => false;
  await sweep(store);
  assert.deepEqual([await rowsOf(store, "uploads"), await rowsOf(store, "parts")], [0, 0]);
  assert.equal((await freedIn(store)).length, unlisted.length);
  assert.deepEqual(ok(await get(store, "k")), concatBytes([large, large, large, small]));
});

test("deleting a bucket takes what is left of uploads with it", async () => {
  const { store, changes, control } = await createStore();
  const upload = await startUpload(store);
  await upload.parts(allParts);
  changes.length = 0;
  control.refuses = () => changes.length > 0;
  ok(await inNamedBucket(store, abortUpload, upload.address));
  control.refuses = () => false;
  await startUpload(store);
  ok(await deleteBucket(store, testBucket));
  assert.deepEqual([await rowsOf(store, "uploads"), await rowsOf(store, "parts")], [0, 0]);
  assert.equal((await freedIn(store)).length, store.writer.appended.length);
});
