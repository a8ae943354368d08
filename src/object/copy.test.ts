import assert from "node:assert/strict";
import test from "node:test";
import { concatBytes } from "../base/bytes.ts";
import { createHash } from "../node/platform/hash.ts";
import type { CopySource } from "./copy.ts";
import { copyObject, copyPart } from "./copy.ts";
import { headObject } from "./read/get.ts";
import type { ObjectStore } from "./object-store.ts";
import { inNamedBucket } from "./bucket/in-named-bucket.ts";
import {
  bucketOf,
  always,
  attributes,
  get,
  ok,
  patterned,
  put,
  refusalOf,
} from "./testing/bodies.ts";
import { freedIn, refsOf } from "./testing/garbage.ts";
import { createTestStore, key, testBucket } from "./testing/test-store.ts";
import { findUpload } from "./upload/multipart.ts";
import { startUpload } from "./testing/uploads.ts";

const hash = createHash();
const body = patterned(1000);

type Source = Omit<CopySource, "bucket">;

const sourceOf = (name: string, conditions: CopySource["conditions"] = {}): Source => {
  return { key: key(name), conditions };
};

async function copy(store: ObjectStore, from: Source, to: string, more: object = {}) {
  const keep = { attributes: (source: typeof attributes) => source, checksum: undefined };
  const input = {
    source: { bucket: await bucketOf(store), ...from },
    bucket: testBucket,
    key: key(to),
    condition: always,
    ...keep,
  };
  return inNamedBucket(store, copyObject, { ...input, ...more });
}

test("copy: bytes of its own, with the source's attributes, ETag and checksum", async () => {
  const store = await createTestStore(hash);
  const source = ok(await put(store, "a", body));
  const stored = ok(await copy(store, sourceOf("a"), "b"));
  assert.deepEqual([stored.etag, stored.checksum], [source.etag, source.checksum]);
  assert.deepEqual(ok(await get(store, "b")), body);
  assert.equal(store.writer.appended.length, 2);
  const other = ok(await copy(store, sourceOf("a"), "c", { checksum: "sha256" }));
  assert.deepEqual(other.checksum?.value, hash.digest("sha256", body));
  const changed = { ...attributes, storageClass: "COLD" };
  ok(await copy(store, sourceOf("a"), "d", { attributes: () => changed }));
  const head = ok(await inNamedBucket(store, headObject, { bucket: testBucket, ...sourceOf("d") }));
  assert.equal(head.row.attributes.storageClass, "COLD");
});

test("copy: onto itself replaces it, and the bytes before are garbage", async () => {
  const store = await createTestStore(hash);
  ok(await put(store, "a", body));
  ok(await copy(store, sourceOf("a"), "a"));
  assert.deepEqual(ok(await get(store, "a")), body);
  assert.deepEqual(await freedIn(store), refsOf([], store.writer.appended[0]));
});

test("copy: a condition that does not hold is 412, on the source and on the copy", async () => {
  const store = await createTestStore(hash);
  const { etag, modifiedMs } = ok(await put(store, "a", body));
  const failing = [
    { ifMatch: ["other"] },
    { ifNoneMatch: [etag] },
    { ifModifiedSinceMs: modifiedMs },
    { ifUnmodifiedSinceMs: modifiedMs - 2000 },
  ];
  for (const conditions of failing) {
    assert.equal(
      refusalOf(await copy(store, sourceOf("a", conditions), "b")),
      "preconditionFailed",
    );
  }
  const ifAbsent = { condition: { kind: "ifAbsent" } };
  assert.equal(refusalOf(await copy(store, sourceOf("a"), "a", ifAbsent)), "preconditionFailed");
  assert.equal(refusalOf(await copy(store, sourceOf("nothing"), "b")), "noSuchKey");
  assert.equal(refusalOf(await get(store, "b")), "noSuchKey");
});

test("copy: of a multipart object is a single one, with the checksum over all its bytes", async () => {
  const store = await createTestStore(hash);
  const upload = await startUpload(store, { algorithm: "crc32", type: "composite" });
  const first = patterned(5 * 1024 ** 2);
  ok(
    await upload.complete(
      await upload.parts([
        [1, first],
        [2, body],
      ]),
    ),
  );
  const stored = ok(await copy(store, sourceOf("k"), "b"));
  const all = concatBytes([first, body]);
  assert.equal(stored.etag, Buffer.from(hash.digest("md5", all)).toString("hex"));
  const checksum = { algorithm: "crc32", type: "full", value: hash.digest("crc32", all) };
  assert.deepEqual(stored.checksum, checksum);
  assert.deepEqual(ok(await get(store, "b")), all);
});

test("copy part: a range of an object, or all of it; a range outside is refused", async () => {
  const store = await createTestStore(hash);
  ok(await put(store, "a", body));
  const upload = await startUpload(store);
  const input = { part: 1, source: { bucket: await bucketOf(store), ...sourceOf("a") } };
  const open = ok(await inNamedBucket(store, findUpload, upload.address));
  const part = ok(await copyPart(store, open, { ...input, range: { first: 10, last: 19 } }));
  assert.equal(part.size, 10);
  for (const range of [
    { first: 0, last: 1000 },
    { first: 5, last: 4 },
  ]) {
    assert.equal(refusalOf(await copyPart(store, open, { ...input, range })), "invalidRange");
  }
  const whole = ok(await copyPart(store, open, { ...input, range: undefined }));
  const complete = { part: 1, etag: whole.etag, checksum: undefined };
  ok(await upload.complete([complete]));
  assert.deepEqual(ok(await get(store, "k")), body);
  assert.equal(
    refusalOf(await copyPart(store, open, { ...input, range: undefined })),
    "noSuchUpload",
  );
});
