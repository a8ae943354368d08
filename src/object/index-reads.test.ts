import assert from "node:assert/strict";
import test from "node:test";
import { must } from "../base/assert.ts";
import type { Partition } from "../keymap/keymap.ts";
import { createHash } from "../node/platform/hash.ts";
import { setVersioning } from "./bucket/buckets.ts";
import type { ObjectStore } from "./object-store.ts";
import { always, ok, put } from "./testing/bodies.ts";
import { createTestStore, key, testBucket } from "./testing/test-store.ts";
import { refOf } from "./testing/versions.ts";
import { deleteObjects } from "./write/delete-many.ts";
import { deleteObject } from "./write/delete.ts";
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
const remove = (input: Parameters<typeof deleteObject>[1]) => (store: ObjectStore) =>
  deleteObject(store, input);

test("deletion: one read and one commit, and no commit where nothing is there", async () => {
  const store = await createTestStore(hash);
  ok(await put(store, "k", "some"));
  assert.deepEqual(await asked(store, remove(none)), { reads: 1, commits: 0 });
  assert.deepEqual(await asked(store, remove(place)), { reads: 1, commits: 1 });
  const list = [none, { ...none, key: key("neither") }];
  const many = (counted: ObjectStore) => deleteObjects(counted, testBucket, list);
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
  const tag = (counted: ObjectStore) => putTags(counted, { ...place, tags: [["a", "b"]] });
  assert.deepEqual(await asked(store, tag), { reads: 1, commits: 1 });
});
