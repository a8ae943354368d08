import assert from "node:assert/strict";
import test from "node:test";
import { must } from "../base/assert.ts";
import type { Partition } from "../keymap/keymap.ts";
import { createHash } from "../node/platform/hash.ts";
import { setVersioning } from "./bucket/buckets.ts";
import type { ObjectStore } from "./object-store.ts";
import { inNamedBucket } from "./bucket/in-named-bucket.ts";
import { bucketOf, always, attributes, incomingOf, ok, put } from "./testing/bodies.ts";
import { createTestStore, key, testBucket } from "./testing/test-store.ts";
import { startUpload } from "./testing/uploads.ts";
import { refOf } from "./testing/versions.ts";
import { initiateUpload, listParts, findUpload, uploadPart } from "./upload/multipart.ts";
import { deleteObjects } from "./write/delete-many.ts";
import { type DeleteInput, deleteObject } from "./write/delete.ts";
import { putTags } from "./write/tags.ts";

const hash = createHash();

/** What an operation asks of the partition of its key: reads, scans and snapshots are one each. */
interface Asked {
  reads: number;
  commits: number;
}

async function asked(
  store: ObjectStore,
  operation: (counted: ObjectStore) => Promise<object>,
): Promise<Asked> {
  const counts: Asked = { reads: 0, commits: 0 };
  const reading = <T>(answer: T): T => {
    counts.reads++;
    return answer;
  };
  const { keymap } = store;
  const partition = must(keymap.partitions[0], "the only partition");
  const counted: Partition = {
    id: partition.id,
    read: (keys) => reading(partition.read(keys)),
    scan: (...range) => reading(partition.scan(...range)),
    inSnapshot: (read) => reading(partition.inSnapshot(read)),
    commit(change) {
      counts.commits++;
      return partition.commit(change);
    },
  };
  ok(await operation({ ...store, keymap: { ...keymap, partitionOf: () => counted } }));
  return counts;
}

const place = { bucket: testBucket, key: key("k"), condition: always };
const none = { ...place, key: key("none") };
const remove = (input: Omit<DeleteInput, "bucket"> & { bucket: string }) => (store: ObjectStore) =>
  inNamedBucket(store, deleteObject, input);

test("deletion: one read and one commit, and no commit where nothing is there", async () => {
  const store = await createTestStore(hash);
  ok(await put(store, "k", "some"));
  assert.deepEqual(await asked(store, remove(none)), { reads: 1, commits: 0 });
  assert.deepEqual(await asked(store, remove(place)), { reads: 1, commits: 1 });
  const list = [none, { ...none, key: key("neither") }];
  const many = async (counted: ObjectStore) =>
    deleteObjects(counted, await bucketOf(counted), list);
  assert.deepEqual(await asked(store, many), { reads: 1, commits: 0 });
});

test("deletion of a version: it is read with the fence, and no commit where it is not there", async () => {
  const store = await createTestStore(hash);
  ok(await setVersioning(store, testBucket, "enabled"));
  const { versionId } = ok(await put(store, "k", "old"));
  ok(await put(store, "k", "new"));
  const old = { ...place, version: refOf(versionId) };
  assert.deepEqual(await asked(store, remove(old)), { reads: 1, commits: 1 });
  assert.deepEqual(await asked(store, remove(old)), { reads: 1, commits: 0 });
  const nullVersion = { ...place, version: { kind: "null" } as const };
  assert.deepEqual(await asked(store, remove(nullVersion)), { reads: 1, commits: 0 });
});

test("tags: the version is read with the fence", async () => {
  const store = await createTestStore(hash);
  ok(await put(store, "k", "some"));
  const tag = (counted: ObjectStore) =>
    inNamedBucket(counted, putTags, { ...place, tags: [["a", "b"]] });
  assert.deepEqual(await asked(store, tag), { reads: 1, commits: 1 });
});

test("upload: each step reads once, and a Complete that is repeated commits nothing", async () => {
  const store = await createTestStore(hash);
  const begin = { bucket: testBucket, key: key("k"), attributes, checksum: undefined };
  const begun = (counted: ObjectStore) => inNamedBucket(counted, initiateUpload, begin);
  assert.deepEqual(await asked(store, begun), { reads: 1, commits: 1 });
  const upload = await startUpload(store);
  const sent = async (counted: ObjectStore) => {
    const open = ok(await inNamedBucket(counted, findUpload, upload.address));
    return uploadPart(counted, open, { part: 1, data: incomingOf(key("some")) });
  };
  // One before the body is read, and one for the commit.
  assert.deepEqual(await asked(store, sent), { reads: 2, commits: 1 });
  const listed = (counted: ObjectStore) =>
    inNamedBucket(counted, listParts, { ...upload.address, afterPart: 0, limit: 10 });
  assert.deepEqual(await asked(store, listed), { reads: 1, commits: 0 });
  const parts = await upload.parts([[1, key("some")]]);
  ok(await upload.complete(parts));
  const { commits } = store.machine.engine.statistics();
  ok(await upload.complete(parts));
  assert.equal(store.machine.engine.statistics().commits, commits);
});
