import assert from "node:assert/strict";
import test from "node:test";
import { concatBytes, decodeUtf8, noBytes, toHex } from "../../base/bytes.ts";
import type { UploadId } from "../../format/ids.ts";
import { space, spaceRange } from "../../format/row-keys.ts";
import { createHash } from "../../node/platform/hash.ts";
import { deleteObject } from "../write/delete.ts";
import { getObject, headObject } from "../read/get.ts";
import { abortUpload, findUpload, listParts } from "./multipart.ts";
import type { ObjectStore } from "../object-store.ts";
import { isRefusal } from "../refusal.ts";
import { always, attributes, get, ok, patterned, put, refusalOf } from "../testing/bodies.ts";
import { freedIn, refsOf } from "../testing/garbage.ts";
import { createTestStore, key, testBucket } from "../testing/test-store.ts";
import { startUpload } from "../testing/uploads.ts";
import { idText } from "../../format/ids.ts";
import { inNamedBucket } from "../bucket/in-named-bucket.ts";

const hash = createHash();
const md5Etag = (bytes: Uint8Array): string => toHex(hash.digest("md5", bytes));
const mebibyte = 1024 ** 2;
const large = patterned(5 * mebibyte, 7);
const small = patterned(1000, 8);
const object = { bucket: testBucket, key: key("k"), conditions: {} };

async function rowsLeft(store: ObjectStore): Promise<number> {
  const [partition] = store.keymap.partitions;
  const uploads = await partition!.scan(spaceRange(space.uploads), { limit: 1000 });
  const parts = await partition!.scan(spaceRange(space.parts), { limit: 1000 });
  return uploads.length + parts.length;
}

test("multipart: parts become one object, with the ETag of their MD5s, and every row of the upload goes", async () => {
  const store = await createTestStore(hash);
  const upload = await startUpload(store);
  const parts = await upload.parts([
    [2, small],
    [1, large],
  ]);
  assert.equal(refusalOf(await get(store, "k")), "noSuchKey");
  const stored = ok(await upload.complete(parts.reverse()));
  const md5s = concatBytes([hash.digest("md5", large), hash.digest("md5", small)]);
  const read = ok(await inNamedBucket(store, getObject, object));
  assert.equal(stored.etag, `${Buffer.from(hash.digest("md5", md5s)).toString("hex")}-2`);
  assert.equal(read.etag, stored.etag);
  assert.equal(stored.size, large.length + small.length);
  assert.deepEqual(ok(await get(store, "k")), concatBytes([large, small]));
  assert.deepEqual(read.row.attributes, attributes);
  assert.equal(await rowsLeft(store), 0);
  assert.deepEqual(await freedIn(store), []);
  assert.equal(store.writer.released.length, store.writer.appended.length);
});

test("get: ranges and part numbers of a multipart object", async () => {
  const store = await createTestStore(hash);
  const upload = await startUpload(store);
  const all = concatBytes([large, small]);
  ok(
    await upload.complete(
      await upload.parts([
        [3, large],
        [7, small],
      ]),
    ),
  );
  const ranges = [
    [0, 10],
    [large.length - 5, large.length + 5],
    [large.length, all.length - 1],
    [4 * mebibyte - 1, 4 * mebibyte],
  ] as const;
  for (const [first, last] of ranges) {
    const range = { kind: "from", first, last } as const;
    assert.deepEqual(ok(await get(store, "k", { range })), all.subarray(first, last + 1));
  }
  const second = ok(await inNamedBucket(store, getObject, { ...object, partNumber: 2 }));
  assert.deepEqual([second.first, second.length, second.partCount], [large.length, 1000, 2]);
  assert.deepEqual(ok(await get(store, "k", { partNumber: 2 })), small);
  const third = await inNamedBucket(store, headObject, { ...object, partNumber: 3 });
  assert.deepEqual(third, {
    refusal: "invalidPartNumber",
    details: { PartNumberRequested: "3", ActualPartCount: "2" },
  });
});

test("C5: complete frees the parts not listed and the object replaced, in its own commit", async () => {
  const store = await createTestStore(hash);
  ok(await put(store, "k", "replaced"));
  const upload = await startUpload(store);
  const [one] = await upload.parts([[1, small]]);
  await upload.parts([
    [2, small],
    [9, small],
  ]);
  const commits = store.machine.engine.statistics().commits;
  ok(await upload.complete([one!]));
  assert.equal(store.machine.engine.statistics().commits, commits + 1);
  const [replaced, , second, ninth] = store.writer.appended;
  assert.deepEqual(await freedIn(store), refsOf([], replaced, second, ninth));
});

test("C5: deleting a multipart object frees its root manifest, which stands for its parts", async () => {
  const store = await createTestStore(hash);
  const upload = await startUpload(store);
  ok(await upload.complete(await upload.parts([[1, small]])));
  const { row } = ok(await inNamedBucket(store, headObject, object));
  assert.equal(row.data.kind, "manifest");
  ok(
    await inNamedBucket(store, deleteObject, {
      bucket: testBucket,
      key: key("k"),
      condition: always,
    }),
  );
  assert.deepEqual(await freedIn(store), refsOf([row.data]));
});

test("C5: a part of the same number replaces the one before, which becomes garbage", async () => {
  const store = await createTestStore(hash);
  const upload = await startUpload(store);
  ok(await upload.part(1, patterned(10, 1)));
  const again = ok(await upload.part(1, small));
  assert.deepEqual(await freedIn(store), refsOf([], store.writer.appended[0]));
  const { parts } = ok(
    await inNamedBucket(store, listParts, { ...upload.address, afterPart: 0, limit: 10 }),
  );
  assert.deepEqual(
    parts.map(({ part, size }) => [part, size]),
    [[1, 1000]],
  );
  ok(await upload.complete([{ part: 1, etag: again.etag, checksum: undefined }]));
  assert.deepEqual(ok(await get(store, "k")), small);
});

test("C5: an abort frees every part; then the upload is not there", async () => {
  const store = await createTestStore(hash);
  const upload = await startUpload(store);
  const parts = await upload.parts([
    [1, small],
    [2, small],
  ]);
  ok(await inNamedBucket(store, abortUpload, upload.address));
  assert.deepEqual(await freedIn(store), refsOf([], ...store.writer.appended));
  assert.equal(await rowsLeft(store), 0);
  assert.equal(refusalOf(await inNamedBucket(store, abortUpload, upload.address)), "noSuchUpload");
  assert.equal(refusalOf(await inNamedBucket(store, findUpload, upload.address)), "noSuchUpload");
  assert.equal(refusalOf(await upload.part(1, small)), "noSuchUpload");
  assert.equal(refusalOf(await upload.complete(parts)), "noSuchUpload");
});

test("C5: parts that race a complete or an abort are listed, freed or refused, never left behind", async () => {
  for (const end of ["complete", "abort"] as const) {
    const store = await createTestStore(hash);
    const upload = await startUpload(store);
    const first = await upload.parts([[1, small]]);
    const racing = Array.from({ length: 20 }, (_, index) => upload.part(index + 2, small));
    const ended =
      end === "complete"
        ? upload.complete(first)
        : inNamedBucket(store, abortUpload, upload.address);
    const results = await Promise.all(racing);
    ok(await ended);
    assert.ok(results.every((result) => !isRefusal(result) || result.refusal === "noSuchUpload"));
    assert.equal(await rowsLeft(store), 0);
    const stored = results.filter((result) => !isRefusal(result)).length;
    const freed = (await freedIn(store)).length;
    assert.equal(freed, stored + (end === "abort" ? 1 : 0));
  }
});

test("complete: repeated after it succeeded it answers the same, until the object is another", async () => {
  const store = await createTestStore(hash);
  const upload = await startUpload(store);
  const parts = await upload.parts([[1, small]]);
  const first = ok(await upload.complete(parts, { condition: { kind: "ifAbsent" } }));
  store.platform.advance(1000);
  const again = ok(await upload.complete(parts, { condition: { kind: "ifAbsent" } }));
  assert.deepEqual(again, first);
  ok(await put(store, "k", "another"));
  assert.equal(refusalOf(await upload.complete(parts)), "noSuchUpload");
  assert.equal(decodeUtf8(ok(await get(store, "k"))), "another");
});

test("C3: of completes of one upload that race, all answer the same", async () => {
  const store = await createTestStore(hash);
  const other = await store.machine.frontEnd();
  const upload = await startUpload(store);
  const parts = await upload.parts(
    [
      [1, small],
      [2, small],
    ].slice(0, 1) as [number, Uint8Array][],
  );
  const elsewhere = await startUpload(other);
  const racing = Array.from({ length: 8 }, () => upload.complete(parts));
  const answers = (await Promise.all(racing)).map((answer) => ok(answer));
  assert.equal(new Set(answers.map(({ etag, modifiedMs }) => `${etag} ${modifiedMs}`)).size, 1);
  // Manifests of attempts that lost are nobody's: they are no garbage of a commit, but released.
  assert.deepEqual(await freedIn(store), []);
  assert.equal(store.writer.released.length, store.writer.appended.length);
  ok(await inNamedBucket(store, abortUpload, elsewhere.address));
});

type StartedUpload = Awaited<ReturnType<typeof startUpload>>;

/** Completes uploads of one part, and does something else at each moment of that, up to its end. */
async function atEveryMoment(
  other: (
    store: ObjectStore,
    upload: StartedUpload,
    first: ReturnType<StartedUpload["complete"]>,
  ) => Promise<void>,
): Promise<void> {
  let turns = 0;
  for (let wasOver = false; !wasOver; turns++) {
    const store = await createTestStore(hash);
    const upload = await startUpload(store);
    const parts = await upload.parts([[1, small]]);
    let isOver = false;
    const first = upload.complete(parts).finally(() => {
      isOver = true;
    });
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    wasOver = isOver;
    await other(store, upload, first);
    ok(await first);
  }
  assert.ok(turns > 10, `it was over after ${turns} turns`);
}

test("C3: a complete asked for again at any moment of the first answers the same", async () => {
  const etag = md5Etag(small);
  await atEveryMoment(async (_store, upload, first) => {
    const parts = [{ part: 1, etag, checksum: undefined }];
    const again = await upload.complete(parts, { condition: { kind: "ifAbsent" } });
    assert.deepEqual(ok(again), ok(await first));
  });
});

test("C3: parts listed at any moment of a complete are there, or the upload is gone", async () => {
  await atEveryMoment(async (store, upload) => {
    const listed = await inNamedBucket(store, listParts, {
      ...upload.address,
      afterPart: 0,
      limit: 10,
    });
    if (isRefusal(listed)) assert.equal(listed.refusal, "noSuchUpload");
    else assert.equal(listed.parts.length, 1);
  });
});

test("complete: what is wrong with the list of parts, in S3's order", async () => {
  const store = await createTestStore(hash);
  const upload = await startUpload(store, { algorithm: "crc32", type: "composite" });
  const [one, two, three] = await upload.parts(
    [
      [1, small],
      [2, small],
      [3, large],
    ],
    "crc32",
  );
  const cases = [
    [[], "invalidRequest", undefined],
    [[two!, one!], "invalidPartOrder", undefined],
    [[one!, two!, one!], "invalidPartOrder", undefined],
    [[one!, { ...one!, etag: "0" }], "invalidPart", undefined],
    [
      [{ ...one!, part: 4 }],
      "invalidPart",
      { UploadId: idText(upload.id), PartNumber: "4", ETag: one!.etag },
    ],
    [
      [{ ...one!, etag: "0" }],
      "invalidPart",
      { UploadId: idText(upload.id), PartNumber: "1", ETag: "0" },
    ],
    [[{ ...one!, checksum: three!.checksum }], "invalidPart", undefined],
    [[{ ...one!, checksum: { algorithm: "sha1", value: noBytes } }], "badDigest", undefined],
    [[{ ...one!, checksum: undefined }], "invalidRequest", undefined],
    [
      [one!, two!],
      "entityTooSmall",
      { ProposedSize: "1000", MinSizeAllowed: "5242880", PartNumber: "1", ETag: one!.etag },
    ],
  ] as const;
  for (const [parts, code, details] of cases) {
    const refusal = await upload.complete(parts);
    assert.ok(isRefusal(refusal));
    assert.equal(refusal.refusal, code);
    if (details !== undefined) assert.deepEqual(refusal.details, details);
  }
  assert.equal(await rowsLeft(store), 4);
  const size = await upload.complete([one!], { expectedSize: 5 });
  assert.match((isRefusal(size) && size.message) || "", /value 5 does not match .* 1000$/);
});

test("complete: of a part that is listed twice the last word counts", async () => {
  const store = await createTestStore(hash);
  const upload = await startUpload(store);
  const [sentFirst] = await upload.parts([[1, large]]);
  const [sentAnew] = await upload.parts([[1, small]]);
  assert.equal(refusalOf(await upload.complete([sentAnew!, sentFirst!])), "invalidPart");
  ok(await upload.complete([sentFirst!, sentAnew!]));
  assert.deepEqual(ok(await get(store, "k")), small);
});

test("complete: conditions, and 409 where the object was written or deleted after the upload began", async () => {
  const store = await createTestStore(hash);
  const { etag } = ok(await put(store, "k", "there"));
  store.platform.advance(10);
  const upload = await startUpload(store);
  const parts = await upload.parts([[1, small]]);
  const complete = async (condition: Parameters<typeof upload.complete>[1]) =>
    refusalOf(await upload.complete(parts, condition));
  assert.equal(await complete({ condition: { kind: "ifAbsent" } }), "preconditionFailed");
  const mismatch = { kind: "ifMatch", etag: "other" } as const;
  assert.equal(await complete({ condition: mismatch }), "preconditionFailed");
  store.platform.advance(10);
  const written = ok(await put(store, "k", "written meanwhile"));
  assert.equal(await complete({ condition: { kind: "ifAbsent" } }), "preconditionFailed");
  assert.equal(await complete({ condition: { kind: "ifMatch", etag } }), "preconditionFailed");
  const now = { kind: "ifMatch", etag: written.etag } as const;
  assert.equal(await complete({ condition: now }), "conditionalConflict");
  ok(
    await inNamedBucket(store, deleteObject, {
      bucket: testBucket,
      key: key("k"),
      condition: always,
    }),
  );
  assert.equal(await complete({ condition: { kind: "ifMatch", etag } }), "noSuchKey");
  assert.equal(await complete({ condition: { kind: "ifAbsent" } }), "conditionalConflict");
  assert.equal(refusalOf(await upload.complete(parts)), "not refused");
});

test("C2: of 16 uploads completed at once with If-None-Match just one becomes the object", async () => {
  const store = await createTestStore(hash);
  const uploads = await Promise.all(Array.from({ length: 16 }, () => startUpload(store)));
  const listed = await Promise.all(uploads.map((upload) => upload.parts([[1, small]])));
  const completes = uploads.map((upload, index) =>
    upload.complete(listed[index]!, { condition: { kind: "ifAbsent" } }),
  );
  const results = (await Promise.all(completes)).map(refusalOf);
  const lost = results.filter((result) => /preconditionFailed|conditionalConflict/.test(result));
  assert.equal(lost.length, 15);
});

test("list parts: pages by part number", async () => {
  const store = await createTestStore(hash);
  const upload = await startUpload(store);
  await upload.parts([1, 2, 5, 10_000].map((part) => [part, small] as const));
  const page = async (afterPart: number, limit: number) => {
    const { parts, truncated } = ok(
      await inNamedBucket(store, listParts, { ...upload.address, afterPart, limit }),
    );
    return [...parts.map(({ part }) => part), truncated];
  };
  assert.deepEqual(await page(0, 10), [1, 2, 5, 10_000, false]);
  assert.deepEqual(await page(0, 2), [1, 2, true]);
  assert.deepEqual(await page(2, 2), [5, 10_000, false]);
  assert.deepEqual(await page(10_000, 2), [false]);
  assert.deepEqual(await page(0, 0), [false]);
  assert.equal(refusalOf(await upload.part(0, small)), "invalidRequest");
  assert.equal(refusalOf(await upload.part(10_001, small)), "invalidRequest");
});

test("uploads: ids sort by age", async () => {
  const store = await createTestStore(hash);
  const ids: UploadId[] = [];
  for (let i = 0; i < 5; i++) {
    store.platform.advance(1);
    ids.push((await startUpload(store)).id);
  }
  const texts = ids.map(idText);
  assert.deepEqual([...texts].sort(), texts);
  assert.match(texts[0]!, /^[0-9a-f]{32}$/);
});
