import assert from "node:assert/strict";
import test from "node:test";
import { decodeUtf8, equalBytes } from "../../base/bytes.ts";
import { StoreError } from "../../base/errors.ts";
import { must } from "../../base/assert.ts";
import { decodeGarbageRow } from "../../format/garbage-row.ts";
import { headKey, parseRoutedKey, space, spaceRange } from "../../format/row-keys.ts";
import type { Partition } from "../../keymap/keymap.ts";
import { createHash } from "../../node/platform/hash.ts";
import { getBucket } from "../find-bucket.ts";
import { setVersioning } from "../bucket/buckets.ts";
import type { ObjectStore } from "../object-store.ts";
import { bucketOf, ok, put } from "../testing/bodies.ts";
import { createTestStore, key, testBucket } from "../testing/test-store.ts";
import { walkVersions } from "../testing/versions.ts";
import type { DeleteOutcome } from "./delete-many.ts";
import { deleteObjects } from "./delete-many.ts";

const hash = createHash();
const always = { kind: "always" } as const;

const item = (name: string) => ({ key: key(name), condition: always });
const names = (count: number) => Array.from({ length: count }, (_, index) => `key ${index}`);

async function filled(count: number): Promise<ObjectStore> {
  const store = await createTestStore(hash);
  for (const name of names(count)) ok(await put(store, name, name));
  return store;
}

async function keysLeft(store: ObjectStore): Promise<string[]> {
  return walkVersions(store, { prefix: key(""), delimiter: undefined }, 1000);
}

function deleted(outcome: DeleteOutcome): boolean {
  return "deleteMarker" in outcome;
}

/** The store with a partition that is looked at, or fails, as `wrap` has it. */
function around(store: ObjectStore, wrap: (partition: Partition) => Partial<Partition>) {
  const { keymap } = store;
  const wrapped = new Map<Partition, Partition>();
  const partitionOf: typeof keymap.partitionOf = (bucket, of) => {
    const partition = keymap.partitionOf(bucket, of);
    const known = wrapped.get(partition) ?? {
      id: partition.id,
      read: (keys) => partition.read(keys),
      scan: (...given) => partition.scan(...given),
      commit: (change) => partition.commit(change),
      inSnapshot: (read) => partition.inSnapshot(read),
      ...wrap(partition),
    };
    wrapped.set(partition, known);
    return known;
  };
  return { ...store, keymap: { ...keymap, partitionOf } };
}

test("C5: keys deleted together free their bytes in the commits that delete them, few for many keys", async () => {
  const store = await filled(200);
  let commits = 0;
  const counted = around(store, (partition) => ({
    commit(change) {
      commits++;
      return partition.commit(change);
    },
  }));
  const outcomes = await deleteObjects(counted, await bucketOf(counted), names(200).map(item));
  assert.ok(outcomes.every(deleted));
  assert.equal(commits, 4);
  assert.deepEqual(await keysLeft(store), []);
  const [partition] = store.keymap.partitions;
  const rows = await must(partition, "a partition").scan(spaceRange(space.garbage), { limit: 999 });
  assert.equal(rows.flatMap(({ value }) => decodeGarbageRow(value).locations).length, 200);
  // Each under its own key, by which reconciling finds it and the drain knows its record's length.
  const keys = rows.map((row) => decodeUtf8(parseRoutedKey(row.key).key));
  assert.deepEqual(keys.toSorted(), names(200).toSorted());
});

test("delete many: each key on its own terms, absent and doubled ones too", async () => {
  const store = await filled(4);
  const outcomes = await deleteObjects(store, await bucketOf(store), [
    item("key 0"),
    { key: key("key 1"), condition: { kind: "ifMatch", etag: "0".repeat(32) } },
    item("none"),
    item("key 0"),
    { key: key("none"), condition: { kind: "ifMatch", etag: "*" } },
    { key: key("key 2"), condition: { kind: "ifMatch", etag: "*" } },
  ]);
  const shown = outcomes.map((each) => ("refusal" in each ? each.refusal : deleted(each)));
  assert.deepEqual(shown, [true, "preconditionFailed", true, true, "noSuchKey", true]);
  assert.equal((await keysLeft(store)).length, 2);
});

test("delete many: in a versioned bucket each key gets a delete marker of its own", async () => {
  const store = await filled(70);
  ok(await setVersioning(store, testBucket, "enabled"));
  const outcomes = await deleteObjects(store, await bucketOf(store), names(70).map(item));
  const ids = outcomes.map((each) => ("versionId" in each ? each.versionId : undefined));
  assert.equal(new Set(ids).size, 70);
  assert.equal((await keysLeft(store)).length, 140);
});

test("C4: a damaged row fails its own key alone when many are deleted", async () => {
  const store = await filled(10);
  const bucket = ok(await getBucket(store, testBucket));
  const damaged = headKey(bucket.id, key("key 3"));
  const harmed = around(store, (partition) => ({
    read(keys) {
      if (keys.some((each) => equalBytes(each, damaged))) throw new StoreError("corrupt", "row");
      return partition.read(keys);
    },
  }));
  const outcomes = await deleteObjects(harmed, await bucketOf(harmed), names(10).map(item));
  assert.deepEqual(
    outcomes.map(deleted),
    names(10).map((name) => name !== "key 3"),
  );
  assert.equal((await keysLeft(store)).length, 1);
});

test("C2: a key that is written while many are deleted is deleted before or after, never in part", async () => {
  const store = await filled(64);
  let left = 3;
  const raced = around(store, (partition) => ({
    async commit(change) {
      // Between the reading of the heads and their commit.
      if (left-- > 0) ok(await put(store, "key 5", `new ${left}`));
      return partition.commit(change);
    },
  }));
  const outcomes = await deleteObjects(raced, await bucketOf(raced), names(64).map(item));
  assert.ok(outcomes.every(deleted));
  assert.ok(left < 0);
  assert.deepEqual(await keysLeft(store), []);
});
