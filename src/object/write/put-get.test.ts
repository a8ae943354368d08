import assert from "node:assert/strict";
import test from "node:test";
import { standardExtents } from "../../extent/testing/test-store.ts";
import { decodeUtf8, encodeUtf8 } from "../../base/bytes.ts";
import { StoreError } from "../../base/errors.ts";
import { chunkBytesMax } from "../../format/limits.ts";
import { createHash } from "../../node/platform/hash.ts";
import { inNamedBucket } from "../bucket/in-named-bucket.ts";
import { bodyBytesMax } from "./store-body.ts";
import { BlobWriter } from "../blob-writer.ts";
import { makeObject, putObject } from "./put.ts";
import { releasing } from "../../rows/commit.ts";
import { deleteObject } from "./delete.ts";
import { getObject, headObject } from "../read/get.ts";
import { isRefusal } from "../refusal.ts";
import { openTarget } from "../target.ts";
import {
  bucketOf,
  always,
  attributes,
  collect,
  get,
  ok,
  patterned,
  pieces,
  put,
  refusalOf,
  inPieces,
  incomingOf,
} from "../testing/bodies.ts";
import { freedIn, refsOf } from "../testing/garbage.ts";
import { createTestStore, key, testBucket, type TestStore } from "../testing/test-store.ts";

const hash = createHash();
const inBucket = { bucket: testBucket, conditions: {} };

function putPieces(store: TestStore, name: string, bytes: Uint8Array, options: object) {
  const incoming = incomingOf(bytes, options);
  return inNamedBucket(store, putObject, {
    ...inBucket,
    key: key(name),
    attributes,
    condition: always,
    incoming,
  });
}

test("C6: put gives back the memory of a small body that it owns, once that is stored", async () => {
  const store = await createTestStore(hash);
  for (const ownership of ["owned", "borrowed"] as const) {
    const bytes = patterned(5000);
    const incoming = incomingOf(bytes);
    const body = { kind: "whole", read: () => bytes, ownership } as const;
    const input = { ...inBucket, key: key("k"), attributes, condition: always };
    ok(await inNamedBucket(store, putObject, { ...input, incoming: { ...incoming, body } }));
    assert.equal(bytes.length, ownership === "owned" ? 0 : 5000);
    assert.deepEqual(Buffer.from(ok(await get(store, "k"))), Buffer.from(patterned(5000)));
  }
});

test("put: what was stored is read, with MD5 as ETag and the checksum accepted", async () => {
  const store = await createTestStore(hash);
  const stored = ok(await put(store, "a", "hello"));
  assert.equal(stored.etag, "5d41402abc4b2a76b9719d911017c592");
  assert.equal(stored.size, 5);
  assert.deepEqual(stored.checksum?.value, hash.digest("crc32", encodeUtf8("hello")));
  const read = ok(await inNamedBucket(store, getObject, { ...inBucket, key: key("a") }));
  assert.equal(decodeUtf8(await collect(read.body)), "hello");
  assert.equal(read.partial, false);
  assert.deepEqual(read.row.attributes, attributes);
  assert.deepEqual(store.writer.released, store.writer.appended);
});

test("put: an empty body is an object without records", async () => {
  const store = await createTestStore(hash);
  ok(await put(store, "empty", ""));
  assert.equal(ok(await get(store, "empty")).length, 0);
  assert.equal(store.writer.appended.length, 0);
});

test("put: a body of several chunks comes back as it was, announced or not", async () => {
  const store = await createTestStore(hash);
  const bytes = patterned(2 * chunkBytesMax + 7);
  for (const announce of [true, false]) {
    ok(await putPieces(store, "k", bytes, { pieceBytes: 65_536, announce }));
    assert.deepEqual(ok(await get(store, "k")), bytes);
  }
});

test("C6: put holds two chunks under way at the most, however large the body", async () => {
  const store = await createTestStore(hash);
  const bytes = patterned(5 * chunkBytesMax);
  ok(await putPieces(store, "k", bytes, { pieceBytes: 1_000_000 }));
  assert.equal(store.writer.underWayMost, 2);
});

test("put: more chunks than a row may hold go behind a manifest", async () => {
  const store = await createTestStore(hash);
  const target = ok(openTarget(store, await bucketOf(store), key("k")));
  const blob = store.keymap.session.nextBlobId();
  const identity = { bucket: target.bucket.id, key: key("k"), blob, upload: undefined, part: 0 };
  const writer = new BlobWriter(store.writer, standardExtents, identity);
  const bytes = patterned(1700);
  for await (const chunk of pieces(bytes, 100)) await writer.append(chunk);
  const data = await writer.finish();
  assert.equal(data.kind, "manifest");
  const object = { size: 1700, md5: new Uint8Array(16), partCount: 0, checksum: undefined };
  const next = { ...object, attributes, blob, upload: undefined, data };
  const replace = () => makeObject(store, target, always, next);
  ok(await releasing(store, writer.appended, replace));
  assert.deepEqual(ok(await get(store, "k")), bytes);
  const range = { kind: "from", first: 350, last: 1249 } as const;
  assert.deepEqual(ok(await get(store, "k", { range })), bytes.subarray(350, 1250));
  ok(
    await inNamedBucket(store, deleteObject, {
      bucket: testBucket,
      key: key("k"),
      condition: always,
    }),
  );
  assert.deepEqual(await freedIn(store), refsOf([data]));
});

test("put: a body shorter or longer than announced is not stored, and its records are released", async () => {
  const store = await createTestStore(hash);
  for (const sizeBytes of [4, 6, 2 * chunkBytesMax]) {
    const incoming = { ...incomingOf(encodeUtf8("hello")), sizeBytes };
    const input = { ...inBucket, key: key("k"), attributes, condition: always, incoming };
    await assert.rejects(inNamedBucket(store, putObject, input), { code: "invalid" });
  }
  assert.equal(refusalOf(await get(store, "k")), "noSuchKey");
  assert.deepEqual(store.writer.released, store.writer.appended);
});

test("C3: a body that breaks off, or is not accepted, leaves what was there and nothing else", async () => {
  const store = await createTestStore(hash);
  ok(await put(store, "k", "before"));
  const long = patterned(3 * chunkBytesMax - 1);
  const broken = async function* () {
    yield* pieces(long, 1_000_000);
    throw new StoreError("cancelled", "gone");
  };
  const base = { ...inBucket, key: key("k"), attributes, condition: always };
  const cut = { ...incomingOf(long), sizeBytes: undefined, body: inPieces(broken()) };
  await assert.rejects(inNamedBucket(store, putObject, { ...base, incoming: cut }), {
    code: "cancelled",
  });
  const refused = {
    ...incomingOf(long),
    accept: () => {
      throw new Error("bad digest");
    },
  };
  await assert.rejects(
    inNamedBucket(store, putObject, { ...base, incoming: refused }),
    /bad digest/,
  );
  assert.equal(decodeUtf8(ok(await get(store, "k"))), "before");
  assert.equal(store.writer.appended.length, 1 + 2 + 3);
  assert.deepEqual(store.writer.released, store.writer.appended);
  assert.deepEqual(await freedIn(store), []);
});

test("put: an append that fails ends it, and the records already written are released", async () => {
  const store = await createTestStore(hash);
  let appends = 0;
  store.writer.before = () => {
    if (++appends === 3) throw new StoreError("storage_full", "full");
  };
  const put = putPieces(store, "k", patterned(6 * chunkBytesMax), { pieceBytes: 1_000_000 });
  await assert.rejects(put, { code: "storage_full" });
  assert.ok(appends < 6);
  assert.deepEqual(store.writer.released, store.writer.appended);
});

test("put: a signal that aborts ends it", async () => {
  const store = await createTestStore(hash);
  const abort = new AbortController();
  abort.abort();
  const body = { ...inPieces(pieces(encodeUtf8("x"))), signal: abort.signal };
  const incoming = { ...incomingOf(encodeUtf8("x")), body };
  const input = { ...inBucket, key: key("k"), attributes, condition: always, incoming };
  await assert.rejects(inNamedBucket(store, putObject, input), { code: "cancelled" });
});

test("get: a peer that leaves ends what lasts", async () => {
  const store = await createTestStore(hash);
  ok(await put(store, "k", patterned(2 * chunkBytesMax)));
  const abort = new AbortController();
  const read = ok(
    await inNamedBucket(store, getObject, { ...inBucket, key: key("k"), peer: abort }),
  );
  const body = read.body[Symbol.asyncIterator]();
  assert.equal((await body.next()).done, false);
  abort.abort();
  await assert.rejects(body.next(), { code: "cancelled" });
});

test("put: keys and bodies past the limits are refused", async () => {
  const store = await createTestStore(hash);
  assert.equal(refusalOf(await put(store, new Uint8Array(1025), "x")), "keyTooLong");
  assert.equal(refusalOf(await put(store, "", "x")), "invalidRequest");
  ok(await put(store, new Uint8Array(1024), "x"));
  const incoming = { ...incomingOf(encodeUtf8("x")), sizeBytes: bodyBytesMax + 1 };
  const input = { ...inBucket, key: key("k"), attributes, condition: always, incoming };
  const refusal = await inNamedBucket(store, putObject, input);
  assert.ok(isRefusal(refusal));
  assert.equal(refusal.refusal, "entityTooLarge");
  assert.equal(refusal.details?.["MaxSizeAllowed"], "5368709120");
  const elsewhere = await inNamedBucket(store, putObject, { ...input, bucket: "nowhere" });
  assert.equal(refusalOf(elsewhere), "noSuchBucket");
});

test("C5: what an overwrite or a delete frees, and nothing else, stands in garbage rows", async () => {
  const store = await createTestStore(hash);
  ok(await put(store, "a", "first"));
  ok(await put(store, "b", "stays"));
  assert.deepEqual(await freedIn(store), []);
  ok(await put(store, "a", "second"));
  assert.deepEqual(await freedIn(store), refsOf([], store.writer.appended[0]));
  const remove = { bucket: testBucket, key: key("a"), condition: always };
  ok(await inNamedBucket(store, deleteObject, remove));
  ok(await inNamedBucket(store, deleteObject, remove));
  const [first, , second] = store.writer.appended;
  assert.deepEqual(await freedIn(store), refsOf([], first, second));
});

test("get: ranges are what S3 makes of them", async () => {
  const store = await createTestStore(hash);
  ok(await put(store, "k", "0123456789"));
  ok(await put(store, "empty", ""));
  const cases = [
    [{ kind: "suffix", length: 15 }, "0123456789"],
    [{ kind: "suffix", length: 3 }, "789"],
    [{ kind: "suffix", length: 0 }, undefined],
    [{ kind: "from", first: 0, last: 100 }, "0123456789"],
    [{ kind: "from", first: 4 }, "456789"],
    [{ kind: "from", first: 9, last: 9 }, "9"],
    [{ kind: "from", first: 10 }, undefined],
  ] as const;
  for (const [range, expected] of cases) {
    const read = await inNamedBucket(store, getObject, { ...inBucket, key: key("k"), range });
    if (expected === undefined) {
      assert.ok(isRefusal(read));
      assert.deepEqual(read, { refusal: "invalidRange", details: { ActualObjectSize: "10" } });
      continue;
    }
    assert.ok(!isRefusal(read) && read.partial);
    assert.equal(decodeUtf8(await collect(read.body)), expected);
    assert.equal(read.length, expected.length);
  }
  const ofNothing = await get(store, "empty", { range: { kind: "from", first: 0 } });
  assert.equal(refusalOf(ofNothing), "invalidRange");
});

test("get: ranges over chunk boundaries return just the bytes asked for", async () => {
  const store = await createTestStore(hash);
  const bytes = patterned(3 * chunkBytesMax);
  ok(await putPieces(store, "k", bytes, { pieceBytes: 1_000_000 }));
  const edges = [0, 1, 65_536, chunkBytesMax - 1, chunkBytesMax, 2 * chunkBytesMax + 5];
  for (const first of edges) {
    for (const last of edges.filter((edge) => edge >= first)) {
      const range = { kind: "from", first, last } as const;
      assert.deepEqual(ok(await get(store, "k", { range })), bytes.subarray(first, last + 1));
    }
  }
});

test("get: part numbers of a single object", async () => {
  const store = await createTestStore(hash);
  ok(await put(store, "k", "0123456789"));
  const input = { ...inBucket, key: key("k") };
  const first = ok(await inNamedBucket(store, headObject, { ...input, partNumber: 1 }));
  assert.deepEqual([first.first, first.length, first.partial], [0, 10, true]);
  assert.equal(first.partCount, undefined);
  const second = await inNamedBucket(store, headObject, { ...input, partNumber: 2 });
  assert.ok(isRefusal(second));
  const details = { PartNumberRequested: "2", ActualPartCount: "1" };
  assert.deepEqual(second, { refusal: "invalidPartNumber", details });
  const range = { kind: "suffix", length: 1 } as const;
  const both = await inNamedBucket(store, headObject, { ...input, partNumber: 1, range });
  assert.equal(refusalOf(both), "invalidRequest");
});

test("C4: a flipped byte on disk is never served", async () => {
  const store = await createTestStore(hash);
  ok(await put(store, "k", patterned(100_000)));
  const [path] = [...store.machine.disk.files.keys()].filter((name) => name.endsWith(".extent"));
  const file = store.machine.disk.bytesOf(path!);
  file[file.length - 50] = file[file.length - 50]! ^ 1;
  await assert.rejects(get(store, "k"), { code: "corrupt" });
});

test("put: pieces that are owned are freed once they are copied, others stay as they are", async () => {
  const store = await createTestStore(createHash());
  const bytes = patterned(chunkBytesMax + 100_000);
  for (const ownership of ["owned", "borrowed"] as const) {
    const handedOut: Uint8Array[] = [];
    const bodyPieces = async function* (): AsyncGenerator<Uint8Array> {
      for await (const piece of pieces(bytes, 65_537)) {
        const own = piece.slice();
        handedOut.push(own);
        yield own;
      }
    };
    const incoming = { ...incomingOf(bytes), body: inPieces(bodyPieces(), ownership) };
    const target = { bucket: testBucket, key: key(ownership), attributes, condition: always };
    ok(await inNamedBucket(store, putObject, { ...target, incoming }));
    assert.equal(Buffer.compare(ok(await get(store, ownership)), bytes), 0);
    const held = handedOut.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
    assert.equal(held, ownership === "owned" ? 0 : bytes.length);
  }
});
