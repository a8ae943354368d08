import assert from "node:assert/strict";
import test from "node:test";
import { decodeUtf8, encodeUtf8 } from "../../base/bytes.ts";
import { parseBucketConfigurationKey, space, spaceRange } from "../../format/row-keys.ts";
import { changeChosenScheme, listChosenSchemes } from "../../keymap/chosen-schemes.ts";
import type { Partition } from "../../keymap/keymap.ts";
import { createHash } from "../../node/platform/hash.ts";
import type { ObjectStore } from "../object-store.ts";
import { bucketRowKey } from "../find-bucket.ts";
import { inNamedBucket } from "./in-named-bucket.ts";
import { isRefusal } from "../refusal.ts";
import { bucketOf, ok, refusalOf } from "../testing/bodies.ts";
import { createTestStore, testBucket, testOwner } from "../testing/test-store.ts";
import { createBucket, deleteBucket, getBucket, setVersioning } from "./buckets.ts";
import { type ConfigurationAddress, getConfiguration, setConfiguration } from "./configurations.ts";

const hash = createHash();
const tags = { bucket: testBucket, name: "tagging" };
const cors = { bucket: testBucket, name: "cors" };

async function textOf(store: ObjectStore, address = tags): Promise<string | undefined> {
  const { document } = ok(await inNamedBucket(store, getConfiguration, address));
  return document && decodeUtf8(document);
}

function set(store: ObjectStore, address: typeof tags, document: Uint8Array | undefined) {
  return inNamedBucket(
    store,
    (within, at: ConfigurationAddress) => setConfiguration(within, at, document),
    address,
  );
}

async function put(store: ObjectStore, text: string, address = tags): Promise<string> {
  const done = await set(store, address, encodeUtf8(text));
  return isRefusal(done) ? done.refusal : "done";
}

/** "name of bucket id", of every row of a configuration. */
async function rowsIn({ keymap }: ObjectStore): Promise<string[]> {
  const rows = await keymap.system.scan(spaceRange(space.bucketConfigurations), { limit: 100 });
  return rows.map(({ key }) => {
    const { bucket, name } = parseBucketConfigurationKey(key);
    return `${name} of ${bucket}`;
  });
}

/**
 * A store in whose n-th step in the system partition (a read, scan or commit, from 0) something
 * else goes first.
 */
function interrupted(store: ObjectStore, n: number, act: () => Promise<void>): ObjectStore {
  let steps = 0;
  const { system } = store.keymap;
  const before = async (): Promise<void> => {
    if (steps++ === n) await act();
  };
  const watched: Partition = {
    id: system.id,
    inSnapshot: (read) => system.inSnapshot(read),
    async read(keys) {
      await before();
      return system.read(keys);
    },
    async scan(range, options) {
      await before();
      return system.scan(range, options);
    },
    async commit(change) {
      await before();
      return system.commit(change);
    },
  };
  const { keymap } = store;
  const { session, partitions } = keymap;
  const rest = {
    partitionOf: keymap.partitionOf.bind(keymap),
    partitionsOf: keymap.partitionsOf.bind(keymap),
  };
  return { ...store, keymap: { ...keymap, session, partitions, ...rest, system: watched } };
}

test("C2: configurations: each is set, replaced and taken away by itself, and is seen by every process", async () => {
  const store = await createTestStore(hash);
  const other = await store.machine.frontEnd();
  assert.equal(await textOf(store), undefined);
  assert.equal(await put(store, "one"), "done");
  assert.equal(await put(store, "origins", cors), "done");
  assert.equal(await textOf(other), "one");
  assert.equal(await put(other, "two"), "done");
  assert.deepEqual([await textOf(store), await textOf(store, cors)], ["two", "origins"]);
  for (const _ of ["taken away", "and again"]) ok(await set(store, tags, undefined));
  assert.deepEqual([await textOf(other), await textOf(other, cors)], [undefined, "origins"]);
});

test("C2: configurations: the bucket's row says what it said, also where both are changed at once", async () => {
  const store = await createTestStore(hash);
  const other = await store.machine.frontEnd();
  await Promise.all([
    put(store, "a"),
    put(other, "b", cors),
    setVersioning(other, testBucket, "enabled"),
    put(store, "c"),
  ]);
  assert.equal(ok(await getBucket(store, testBucket)).versioning, "enabled");
  assert.match((await textOf(store)) ?? "", /^[ac]$/);
  assert.equal(await textOf(store, cors), "b");
});

test("C5: configurations go with their bucket, and a bucket of the same name has none", async () => {
  const store = await createTestStore(hash);
  const { id } = ok(await getBucket(store, testBucket));
  await createBucket(store, { name: "kept", ...testOwner, region: store.region });
  await put(store, "kept", { bucket: "kept", name: "tagging" });
  for (const address of [tags, cors]) await put(store, "x", address);
  assert.equal((await rowsIn(store)).length, 3);
  ok(await deleteBucket(store, testBucket));
  assert.equal((await rowsIn(store)).length, 1);
  assert.equal(refusalOf(await inNamedBucket(store, getConfiguration, tags)), "noSuchBucket");
  assert.equal(await put(store, "late"), "noSuchBucket");
  assert.equal(refusalOf(await set(store, tags, undefined)), "noSuchBucket");
  ok(await createBucket(store, { name: testBucket, ...testOwner, region: store.region }));
  assert.notEqual(ok(await getBucket(store, testBucket)).id, id);
  assert.equal(await textOf(store), undefined);
});

test("C2: configurations: a request that began in the bucket of before touches none of the new one's", async () => {
  const store = await createTestStore(hash);
  const before = await bucketOf(store);
  ok(await deleteBucket(store, testBucket));
  ok(await createBucket(store, { name: testBucket, ...testOwner, region: store.region }));
  await put(store, "new");
  const late = { bucket: before, name: tags.name };
  assert.equal(refusalOf(await getConfiguration(store, late)), "noSuchBucket");
  for (const document of [encodeUtf8("old"), undefined]) {
    assert.equal(refusalOf(await setConfiguration(store, late, document)), "noSuchBucket");
  }
  assert.equal(await textOf(store), "new");
});

test("C2, C5: wherever a bucket is deleted while a configuration is set, no row of it is left", async () => {
  for (let n = 0; ; n++) {
    const store = await createTestStore(hash);
    let deleted: string | undefined;
    const act = async (): Promise<void> => {
      deleted = refusalOf(await deleteBucket(store, testBucket));
    };
    assert.equal(await put(store, "before", cors), "done");
    const answer = await put(interrupted(store, n, act), "x");
    if (deleted === undefined) break;
    assert.ok(n < 4, "setting takes a few steps");
    assert.equal(deleted, "not refused");
    assert.equal(answer, "noSuchBucket", `step ${n}`);
    assert.deepEqual(await rowsIn(store), [], `step ${n}`);
  }
});

test("C2, C5: wherever a configuration is set while its bucket is deleted, either both happened or the bucket is there", async () => {
  for (let n = 0; ; n++) {
    const store = await createTestStore(hash);
    let set: string | undefined;
    const act = async (): Promise<void> => {
      set = await put(store, "x");
    };
    const answer = refusalOf(await deleteBucket(interrupted(store, n, act), testBucket));
    if (set === undefined) break;
    assert.ok(n < 8, "deleting takes a few steps");
    const isThere = !isRefusal(await getBucket(store, testBucket));
    assert.equal(answer, isThere ? "operationAborted" : "not refused", `step ${n}`);
    if (isThere) assert.equal(await textOf(store), "x", `step ${n}`);
    else assert.deepEqual(await rowsIn(store), [], `step ${n}`);
  }
});

test("C5: chosen schemes of a bucket go with it", async () => {
  const store = await createTestStore(hash);
  const { keymap } = store;
  const bucket = ok(await getBucket(store, testBucket));
  const place = {
    storageClass: "STANDARD",
    bucket: { id: bucket.id, key: bucketRowKey(testBucket) },
  };
  await changeChosenScheme(keymap, place, { scheme: "copies-3", isInline: false, chosenMs: 1 });
  await changeChosenScheme(
    keymap,
    { storageClass: "STANDARD" },
    { scheme: "rs-4-2", isInline: false, chosenMs: 1 },
  );
  ok(await deleteBucket(store, testBucket));
  const left = await listChosenSchemes(keymap);
  assert.deepEqual(
    left.map(({ scheme }) => scheme),
    ["rs-4-2"],
  );
});
