import assert from "node:assert/strict";
import { test } from "node:test";
import { isRefusal } from "../../base/refusal.ts";
import type { ChunkRef } from "../../format/chunk-ref.ts";
import { extentClassText } from "../../format/extent-row.ts";
import { bucketKey } from "../../format/row-keys.ts";
import { changeChosenScheme } from "../../keymap/chosen-schemes.ts";
import { createExtentTable } from "../../keymap/index-extent-table.ts";
import { createHash } from "../../node/platform/hash.ts";
import { inNamedBucket } from "../bucket/in-named-bucket.ts";
import { copyObject, copyPart } from "../copy.ts";
import { always, attributes, bucketOf, incomingOf, ok, patterned } from "../testing/bodies.ts";
import { createTestStore, key, testBucket, type TestStore } from "../testing/test-store.ts";
import { TestUpload } from "../testing/uploads.ts";
import { findUpload, initiateUpload } from "../upload/multipart.ts";
import { putObject } from "./put.ts";

const hash = createHash();
const cold = { ...attributes, storageClass: "GLACIER_IR" };

function putAs(store: TestStore, name: string, as: typeof attributes, bytes = patterned(100)) {
  const input = { bucket: testBucket, key: key(name), attributes: as, condition: always };
  return inNamedBucket(store, putObject, { ...input, incoming: incomingOf(bytes) });
}

async function choose(store: TestStore, scheme: string | undefined, storageClass = "STANDARD") {
  const { id } = await bucketOf(store);
  const place = { storageClass, bucket: { id, key: bucketKey(key(testBucket)) } };
  const row = scheme === undefined ? undefined : { scheme, isInline: false, chosenMs: 1 };
  assert.ok(!isRefusal(await changeChosenScheme(store.keymap, place, row)));
}

/** The extent classes of what was appended since the last look, in order. */
function classesOf(store: TestStore): () => Promise<string[]> {
  const table = createExtentTable(store.keymap);
  let seen = 0;
  return async () => {
    const refs = store.writer.appended.slice(seen);
    seen += refs.length;
    const classOf = async ({ extent }: ChunkRef): Promise<string> =>
      extentClassText((await table.get(extent))!.row);
    return Promise.all(refs.map(classOf));
  };
}

test("put: the bytes go to extents of the object's storage class, in chunks too", async () => {
  const store = await createTestStore(hash);
  const appended = classesOf(store);
  ok(await putAs(store, "small", cold));
  ok(await putAs(store, "large", cold, patterned(5_000_000)));
  ok(await putAs(store, "usual", attributes));
  assert.deepEqual(await appended(), ["GLACIER_IR", "GLACIER_IR", "GLACIER_IR", "STANDARD"]);
});

test("put: what is chosen for a bucket is followed by the next request, and taken back as soon", async () => {
  const store = await createTestStore(hash);
  const appended = classesOf(store);
  const put = async (as = attributes): Promise<string[]> => {
    ok(await putAs(store, "k", as));
    return appended();
  };
  assert.deepEqual(await put(), ["STANDARD"]);
  await choose(store, "rs-8-4");
  assert.deepEqual([await put(), await put(cold)], [["STANDARD rs-8-4"], ["GLACIER_IR"]]);
  await choose(store, "copies-2", "GLACIER_IR");
  assert.deepEqual([await put(), await put(cold)], [["STANDARD rs-8-4"], ["GLACIER_IR copies-2"]]);
  await choose(store, undefined);
  assert.deepEqual([await put(), await put(cold)], [["STANDARD"], ["GLACIER_IR copies-2"]]);
});

test("copy: the bytes go to extents of the copy's class, whatever the source's is", async () => {
  const store = await createTestStore(hash);
  const appended = classesOf(store);
  ok(await putAs(store, "a", attributes));
  const source = { bucket: testBucket, key: key("a"), conditions: {} };
  const bucket = await bucketOf(store);
  const input = { source: { ...source, bucket }, key: key("b"), checksum: undefined };
  const more = { attributes: () => cold, condition: always };
  ok(await inNamedBucket(store, copyObject, { bucket: testBucket, ...input, ...more }));
  assert.deepEqual(await appended(), ["STANDARD", "GLACIER_IR"]);
});

test("multipart: parts, copied parts and the list of them are in extents of the upload's class", async () => {
  const store = await createTestStore(hash);
  const appended = classesOf(store);
  ok(await putAs(store, "a", attributes));
  const input = { bucket: testBucket, key: key("k"), attributes: cold, checksum: undefined };
  const { upload } = ok(await inNamedBucket(store, initiateUpload, input));
  const uploading = new TestUpload(store, upload, false);
  const parts = await uploading.parts([[1, patterned(5 * 1024 * 1024)]]);
  const open = ok(await inNamedBucket(store, findUpload, uploading.address));
  const source = { bucket: await bucketOf(store), key: key("a"), conditions: {} };
  const { etag } = ok(await copyPart(store, open, { part: 2, source, range: undefined }));
  ok(await uploading.complete([...parts, { part: 2, etag, checksum: undefined }]));
  const [first, ...others] = await appended();
  assert.equal(first, "STANDARD");
  assert.deepEqual(
    others,
    others.map(() => "GLACIER_IR"),
  );
  assert.equal(others.length, 4, "two chunks of a part, a copied part, the list");
});
