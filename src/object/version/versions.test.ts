import assert from "node:assert/strict";
import test from "node:test";
import { decodeUtf8, encodeUtf8 } from "../../base/bytes.ts";
import type { Partition } from "../../keymap/keymap.ts";
import { createHash } from "../../node/platform/hash.ts";
import { deleteBucket, getBucket, setVersioning } from "../bucket/buckets.ts";
import { copyObject } from "../copy.ts";
import { deleteObject } from "../write/delete.ts";
import type { WriteCondition } from "../conditions.ts";
import { getObject, headObject } from "../read/get.ts";
import type { ObjectStore } from "../object-store.ts";
import { inNamedBucket } from "../bucket/in-named-bucket.ts";
import { isRefusal } from "../refusal.ts";
import { getTags, putTags } from "../write/tags.ts";
import { openTarget } from "../target.ts";
import { bucketOf, always, get, ok, put, refusalOf } from "../testing/bodies.ts";
import { freedIn, refsOf } from "../testing/garbage.ts";
import { createTestStore, key, testBucket } from "../testing/test-store.ts";
import { startUpload } from "../testing/uploads.ts";
import { allVersions, refOf, remove } from "../testing/versions.ts";
import { readHead, readOlder } from "../../rows/versions.ts";

const hash = createHash();
const address = { bucket: testBucket, key: key("k") };

async function createVersioned() {
  const store = await createTestStore(hash);
  ok(await setVersioning(store, testBucket, "enabled"));
  return store;
}

async function putIn(store: ObjectStore, body: string, condition?: WriteCondition) {
  return ok(await put(store, "k", body, condition)).versionId;
}

/** The bytes of a version, or why there are none. */
async function read(store: ObjectStore, id?: string): Promise<string> {
  const version = id === undefined ? undefined : refOf(id);
  const found = await get(store, "k", { version });
  return isRefusal(found) ? found.refusal : decodeUtf8(found);
}

/** Where the bytes of the versions lie, for what becomes of them. */
async function dataOf(store: ObjectStore, id: string | undefined) {
  return ok(
    await inNamedBucket(store, headObject, { ...address, version: refOf(id), conditions: {} }),
  ).row.data;
}

test("C5: in a versioned bucket every put keeps what it replaces, under an id of its own", async () => {
  const store = await createVersioned();
  const ids = [await putIn(store, "one"), await putIn(store, "two"), await putIn(store, "three")];
  assert.equal(new Set(ids).size, 3);
  assert.equal(await read(store), "three");
  for (const [index, text] of ["one", "two", "three"].entries()) {
    assert.equal(await read(store, ids[index]), text);
  }
  assert.deepEqual(await freedIn(store), []);
  assert.deepEqual(await allVersions(store), [
    `k ${ids[2]} object latest`,
    `k ${ids[1]} object`,
    `k ${ids[0]} object`,
  ]);
});

test("a bucket that was never versioned shows no version ids, but its objects are the null version", async () => {
  const store = await createTestStore(hash);
  assert.equal(await putIn(store, "x"), undefined);
  assert.equal(
    ok(await inNamedBucket(store, headObject, { ...address, conditions: {} })).versionId,
    undefined,
  );
  assert.equal(await read(store, "null"), "x");
  assert.deepEqual(await allVersions(store), ["k null object latest"]);
  assert.deepEqual(await remove(store, "k", "null"), { versionId: "null", deleteMarker: false });
  assert.equal(await read(store), "noSuchKey");
});

test("C5: deleting a key puts a marker over it; deleting the marker brings it back; each version can be deleted permanently", async () => {
  const store = await createVersioned();
  const one = await putIn(store, "one");
  const two = await putIn(store, "two");
  const marker = await remove(store, "k");
  assert.equal(marker.deleteMarker, true);
  const gone = await inNamedBucket(store, getObject, { ...address, conditions: {} });
  assert.deepEqual(gone, {
    refusal: "noSuchKey",
    details: { DeleteMarker: "true", VersionId: marker.versionId },
  });
  assert.equal(await read(store, marker.versionId), "isDeleteMarker");
  assert.equal(await read(store, two), "two");
  assert.deepEqual(await remove(store, "k", marker.versionId), marker);
  assert.equal(await read(store), "two");
  const data = [await dataOf(store, one), await dataOf(store, two)];
  await remove(store, "k", two);
  assert.equal(await read(store), "one");
  assert.equal(await read(store, two), "noSuchVersion");
  await remove(store, "k", one);
  assert.equal(await read(store), "noSuchKey");
  assert.deepEqual(await allVersions(store), []);
  assert.deepEqual(await freedIn(store), refsOf(data));
});

test("a key that never was gets a marker too, and a version that is not there is deleted with success", async () => {
  const store = await createVersioned();
  const marker = await remove(store, "k");
  assert.deepEqual(await allVersions(store), [`k ${marker.versionId} deleteMarker latest`]);
  const other = await putIn(store, "x");
  await remove(store, "k", other);
  assert.deepEqual(await remove(store, "k", other), { versionId: other, deleteMarker: false });
  assert.deepEqual(await allVersions(store), [`k ${marker.versionId} deleteMarker latest`]);
  const { commits } = store.machine.engine.statistics();
  await remove(store, "never", other);
  assert.equal(store.machine.engine.statistics().commits, commits);
});

test("C5: a suspended bucket has one null version a key, wherever it stands, and keeps the others", async () => {
  const store = await createTestStore(hash);
  await putIn(store, "null 1");
  const first = await dataOf(store, "null");
  ok(await setVersioning(store, testBucket, "enabled"));
  const kept = await putIn(store, "kept");
  const newer = await putIn(store, "newer");
  assert.equal(await read(store, "null"), "null 1");
  ok(await setVersioning(store, testBucket, "suspended"));
  assert.equal(await putIn(store, "null 2"), "null");
  assert.deepEqual(await freedIn(store), refsOf([first]));
  const second = await dataOf(store, "null");
  assert.deepEqual(await allVersions(store), [
    "k null object latest",
    `k ${newer} object`,
    `k ${kept} object`,
  ]);
  assert.deepEqual(await remove(store, "k"), { versionId: "null", deleteMarker: true });
  assert.deepEqual(await freedIn(store), refsOf([first, second]));
  assert.equal(await read(store, "null"), "isDeleteMarker");
  ok(await setVersioning(store, testBucket, "enabled"));
  const top = await putIn(store, "top");
  await remove(store, "k", "null");
  const left = [`k ${top} object latest`, `k ${newer} object`, `k ${kept} object`];
  assert.deepEqual(await allVersions(store), left);
  assert.equal(
    (await readHead(ok(openTarget(store, await bucketOf(store), key("k")))))?.row.nullOrder,
    undefined,
  );
});

test("the head knows where the null version is, through puts, markers and promotions", async () => {
  const store = await createTestStore(hash);
  await putIn(store, "null");
  const target = ok(openTarget(store, await bucketOf(store), key("k")));
  const order = (await readHead(target))!.row.order;
  ok(await setVersioning(store, testBucket, "enabled"));
  const ids = [
    await putIn(store, "a"),
    await putIn(store, "b"),
    (await remove(store, "k")).versionId,
  ];
  for (const id of ids.toReversed()) {
    assert.equal((await readHead(target))?.row.nullOrder, order);
    assert.equal((await readOlder(target, order))?.row.nullOrder, undefined);
    await remove(store, "k", id);
  }
  const head = await readHead(target);
  assert.deepEqual([head?.row.order, head?.row.nullOrder], [order, undefined]);
});

test("a suspended overwrite finds the null version without a scan", async () => {
  const store = await createTestStore(hash);
  await putIn(store, "null");
  ok(await setVersioning(store, testBucket, "enabled"));
  for (let i = 0; i < 20; i++) await putIn(store, `${i}`);
  ok(await setVersioning(store, testBucket, "suspended"));
  let scans = 0;
  const { keymap } = store;
  const counting = (partition: Partition): Partition => ({
    id: partition.id,
    read: (keys) => partition.read(keys),
    scan: (...of) => (scans++, partition.scan(...of)),
    inSnapshot: (use) => partition.inSnapshot(use),
    commit: (change) => partition.commit(change),
  });
  const partitionOf: typeof keymap.partitionOf = (...of) => counting(keymap.partitionOf(...of));
  ok(await put({ ...store, keymap: { ...keymap, partitionOf } }, "k", "null again"));
  assert.equal(scans, 0);
  assert.equal((await allVersions(store)).filter((line) => line.startsWith("k null ")).length, 1);
});

test("the order of versions rises although the clock is set back", async () => {
  const store = await createVersioned();
  const ids = [await putIn(store, "one")];
  store.platform.advance(-60_000);
  ids.push(
    await putIn(store, "two"),
    (await remove(store, "k")).versionId,
    await putIn(store, "four"),
  );
  const listed = (await allVersions(store)).map((line) => line.split(" ")[1]);
  assert.deepEqual(listed, ids.toReversed());
});

test("conditions: a delete marker is no object, and a version is judged by its own ETag", async () => {
  const store = await createVersioned();
  const { etag, versionId } = ok(await put(store, "k", "one"));
  await remove(store, "k");
  const ifMatch = { kind: "ifMatch", etag } as const;
  assert.equal(refusalOf(await put(store, "k", "x", ifMatch)), "noSuchKey");
  assert.equal(
    refusalOf(await inNamedBucket(store, deleteObject, { ...address, condition: ifMatch })),
    "noSuchKey",
  );
  ok(await put(store, "k", "two", { kind: "ifAbsent" }));
  assert.equal(refusalOf(await put(store, "k", "x", { kind: "ifAbsent" })), "preconditionFailed");
  const older = { ...address, version: refOf(versionId) };
  const other = { kind: "ifMatch", etag: "other" } as const;
  assert.equal(
    refusalOf(await inNamedBucket(store, deleteObject, { ...older, condition: other })),
    "preconditionFailed",
  );
  ok(await inNamedBucket(store, deleteObject, { ...older, condition: ifMatch }));
});

test("copy: from a version, into a version; a marker is no source", async () => {
  const store = await createVersioned();
  const one = await putIn(store, "one");
  await putIn(store, "two");
  const copy = async (version: string | undefined, to: string) =>
    inNamedBucket(store, copyObject, {
      source: {
        ...address,
        bucket: await bucketOf(store),
        version: version === undefined ? undefined : refOf(version),
        conditions: {},
      },
      bucket: testBucket,
      key: key(to),
      attributes: (attributes) => attributes,
      checksum: undefined,
      condition: always,
    });
  const copied = ok(await copy(one, "copy"));
  assert.equal(copied.sourceVersionId, one);
  assert.deepEqual(await allVersions(store, "copy"), [`copy ${copied.versionId} object latest`]);
  assert.deepEqual(ok(await get(store, "copy")), encodeUtf8("one"));
  const marker = await remove(store, "k");
  assert.deepEqual(await copy(undefined, "copy"), { refusal: "noSuchKey" });
  assert.equal(refusalOf(await copy(marker.versionId, "copy")), "invalidRequest");
});

test("C3: a completed upload is one new version; repeating it answers the same one", async () => {
  const store = await createVersioned();
  const before = await putIn(store, "before");
  const upload = await startUpload(store);
  const parts = await upload.parts([[1, encodeUtf8("part")]]);
  const { versionId } = ok(await upload.complete(parts));
  assert.equal(ok(await upload.complete(parts)).versionId, versionId);
  assert.deepEqual(await allVersions(store), [
    `k ${versionId} object latest`,
    `k ${before} object`,
  ]);
});

test("tags: of the current and of older versions, in place; all else stays as it is", async () => {
  const store = await createVersioned();
  const one = await putIn(store, "one");
  const two = await putIn(store, "two");
  const before = ok(
    await inNamedBucket(store, headObject, { ...address, version: refOf(one), conditions: {} }),
  );
  const tagged = (id: string | undefined, value: string) =>
    inNamedBucket(store, putTags, {
      ...address,
      version: id === undefined ? id : refOf(id),
      tags: [["t", value]],
    });
  assert.deepEqual(ok(await tagged(one, "1")), { versionId: one, tags: [["t", "1"]] });
  assert.deepEqual(ok(await tagged(undefined, "2")), { versionId: two, tags: [["t", "2"]] });
  assert.deepEqual(
    ok(await inNamedBucket(store, getTags, { ...address, version: refOf(one) })).tags,
    [["t", "1"]],
  );
  const after = ok(
    await inNamedBucket(store, headObject, { ...address, version: refOf(one), conditions: {} }),
  );
  const attributes = { ...after.row.attributes, tags: [] };
  assert.deepEqual({ ...after, row: { ...after.row, attributes } }, before);
  assert.equal(await read(store), "two");
  const marker = await remove(store, "k");
  assert.equal(refusalOf(await tagged(undefined, "3")), "noSuchKey");
  assert.equal(refusalOf(await tagged(marker.versionId, "3")), "isDeleteMarker");
  assert.deepEqual(await freedIn(store), []);
});

test("a bucket is not empty while a version or a delete marker is in it", async () => {
  const store = await createVersioned();
  const one = await putIn(store, "one");
  const marker = await remove(store, "k");
  assert.equal(refusalOf(await deleteBucket(store, testBucket)), "bucketNotEmpty");
  await remove(store, "k", one);
  assert.equal(refusalOf(await deleteBucket(store, testBucket)), "bucketNotEmpty");
  await remove(store, "k", marker.versionId);
  ok(await deleteBucket(store, testBucket));
  assert.equal(refusalOf(await setVersioning(store, testBucket, "enabled")), "noSuchBucket");
});

/** The store, where something else goes before the first commit of a change of objects. */
function interrupted(store: ObjectStore, act: () => Promise<unknown>): ObjectStore {
  let commits = 0;
  const { keymap } = store;
  const wrap = (partition: Partition): Partition => ({
    id: partition.id,
    read: (keys) => partition.read(keys),
    scan: (...of) => partition.scan(...of),
    inSnapshot: (use) => partition.inSnapshot(use),
    async commit(change) {
      if (commits++ === 0) await act();
      return partition.commit(change);
    },
  });
  const partitionOf: typeof keymap.partitionOf = (...of) => wrap(keymap.partitionOf(...of));
  return { ...store, keymap: { ...keymap, partitionOf } };
}

test("C2, C5: a write planned before versioning was enabled does not overwrite after it", async () => {
  const store = await createTestStore(hash);
  await putIn(store, "before");
  const late = interrupted(store, async () =>
    ok(await setVersioning(store, testBucket, "enabled")),
  );
  const id = await putIn(late, "after");
  assert.deepEqual(await allVersions(store), [`k ${id} object latest`, "k null object"]);
  const later = interrupted(store, async () =>
    ok(await setVersioning(store, testBucket, "suspended")),
  );
  assert.deepEqual(await remove(later, "k"), { versionId: "null", deleteMarker: true });
  assert.deepEqual(await allVersions(store), ["k null deleteMarker latest", `k ${id} object`]);
});

test("C2, C5: a delete planned before versioning was enabled keeps the object", async () => {
  const store = await createTestStore(hash);
  await putIn(store, "kept");
  const late = interrupted(store, async () =>
    ok(await setVersioning(store, testBucket, "enabled")),
  );
  const marker = await remove(late, "k");
  assert.equal(marker.deleteMarker, true);
  assert.equal(await read(store, "null"), "kept");
  assert.deepEqual(await freedIn(store), []);
});

test("C1, C5: an older version that goes while others come or go takes nothing else along", async () => {
  const store = await createTestStore(hash);
  await putIn(store, "null");
  const data = await dataOf(store, "null");
  ok(await setVersioning(store, testBucket, "enabled"));
  const one = await putIn(store, "one");
  let newest: string | undefined;
  const late = interrupted(store, async () => (newest = await putIn(store, "newest")));
  await remove(late, "k", "null");
  const left = [`k ${newest} object latest`, `k ${one} object`];
  assert.deepEqual(await allVersions(store), left);
  assert.deepEqual(await freedIn(store), refsOf([data]));
  // It is the head by the time of the commit, and then deleted already.
  const second = await dataOf(store, one);
  await remove(
    interrupted(store, () => remove(store, "k", newest)),
    "k",
    one,
  );
  assert.deepEqual(await allVersions(store), []);
  assert.equal((await freedIn(store)).length, 3);
  const third = await putIn(store, "third");
  await putIn(store, "fourth");
  await remove(
    interrupted(store, () => remove(store, "k", third)),
    "k",
    third,
  );
  assert.equal((await freedIn(store)).length, 4);
  assert.ok((await freedIn(store)).includes(refsOf([second])[0]!));
});

test("C2: deletions that race for neighbouring versions leave what nobody deleted", async () => {
  const store = await createVersioned();
  const ids = [await putIn(store, "a"), await putIn(store, "b"), await putIn(store, "c")];
  const late = interrupted(store, () => remove(store, "k", ids[1]));
  await remove(late, "k", ids[2]);
  assert.deepEqual(await allVersions(store), [`k ${ids[0]} object latest`]);
  const top = await putIn(store, "d");
  const later = interrupted(store, () => remove(store, "k", top));
  await remove(later, "k", ids[0]);
  assert.deepEqual(await allVersions(store), []);
});

test("versioning that was set in the middle of the fences only is finished by setting it again", async () => {
  const store = await createTestStore(hash);
  const { system } = store.keymap;
  const failing: ObjectStore = {
    ...store,
    keymap: {
      ...store.keymap,
      system: {
        id: system.id,
        read: (keys) => system.read(keys),
        scan: (...of) => system.scan(...of),
        inSnapshot: (use) => system.inSnapshot(use),
        commit: async () => {
          throw new Error("the process dies here");
        },
      },
    },
  };
  await assert.rejects(setVersioning(failing, testBucket, "enabled"), /dies here/);
  assert.equal(ok(await getBucket(store, testBucket)).versioning, "off");
  ok(await setVersioning(store, testBucket, "enabled"));
  assert.equal(ok(await getBucket(store, testBucket)).versioning, "enabled");
  assert.notEqual(await putIn(store, "x"), undefined);
});
