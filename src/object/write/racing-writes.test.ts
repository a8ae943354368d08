import assert from "node:assert/strict";
import test from "node:test";
import { decodeUtf8, encodeUtf8 } from "../../base/bytes.ts";
import type { Partition } from "../../keymap/keymap.ts";
import { StoreError } from "../../base/errors.ts";
import { createHash } from "../../node/platform/hash.ts";
import { commitAttemptsMax } from "../../rows/commit.ts";
import { deleteObject } from "./delete.ts";
import { getObject } from "../read/get.ts";
import type { ObjectStore } from "../object-store.ts";
import { inNamedBucket } from "../bucket/in-named-bucket.ts";
import { putObject } from "./put.ts";
import {
  attributes,
  collect,
  always,
  get,
  ok,
  put,
  refusalOf,
  inPieces,
  incomingOf,
} from "../testing/bodies.ts";
import { freedIn, refsOf } from "../testing/garbage.ts";
import { createTestStore, key, testBucket, type TestStore } from "../testing/test-store.ts";

const hash = createHash();
const racers = 64;

/** The store itself and a second front end of the same machine, in turn. */
async function frontEnds(store: Awaited<ReturnType<typeof createTestStore>>) {
  const other = await store.machine.frontEnd();
  return (index: number): TestStore => (index % 2 === 0 ? store : other);
}

test("C2: of 64 racing creators from two front ends just one wins", async () => {
  const store = await createTestStore(hash);
  const at = await frontEnds(store);
  const writes = Array.from({ length: racers }, (_, index) =>
    put(at(index), "k", `writer ${index}`, { kind: "ifAbsent" }),
  );
  const results = (await Promise.all(writes)).map(refusalOf);
  const winner = results.indexOf("not refused");
  assert.equal(results.filter((result) => result === "preconditionFailed").length, racers - 1);
  assert.equal(decodeUtf8(ok(await get(at(1), "k"))), `writer ${winner}`);
  assert.deepEqual(await freedIn(store), []);
});

test("C2: of 64 racing If-Match writers just one wins", async () => {
  const store = await createTestStore(hash);
  const { etag } = ok(await put(store, "k", "first"));
  const at = await frontEnds(store);
  const writes = Array.from({ length: racers }, (_, index) =>
    put(at(index), "k", `writer ${index}`, { kind: "ifMatch", etag }),
  );
  const results = (await Promise.all(writes)).map(refusalOf);
  assert.equal(results.filter((result) => result === "not refused").length, 1);
});

test("C2, C5: 64 racing writers all succeed, one stays, and the others' bytes are garbage", async () => {
  const store = await createTestStore(hash);
  const at = await frontEnds(store);
  const writes = Array.from({ length: racers }, (_, index) => put(at(index), "k", `w ${index}`));
  (await Promise.all(writes)).forEach(ok);
  const kept = ok(
    await inNamedBucket(store, getObject, { bucket: testBucket, key: key("k"), conditions: {} }),
  );
  const appended = [...store.writer.appended, ...at(1).writer.appended];
  const left = refsOf([kept.row.data]);
  const all = refsOf([], ...appended);
  assert.deepEqual(
    await freedIn(store),
    all.filter((ref) => !left.includes(ref)),
  );
});

test("head: a version is newer than the one it replaces although the clock was set back", async () => {
  const store = await createTestStore(hash);
  const read = () =>
    inNamedBucket(store, getObject, { bucket: testBucket, key: key("k"), conditions: {} });
  ok(await put(store, "k", "first"));
  const first = ok(await read()).row.order;
  store.platform.advance(-60_000);
  ok(await put(store, "k", "second"));
  assert.ok(ok(await read()).row.order > first);
});

test("C2: a condition that held before the body is judged again at the commit", async () => {
  const store = await createTestStore(hash);
  const body = async function* () {
    yield encodeUtf8("late");
    ok(await put(store, "k", "earlier"));
  };
  const incoming = { ...incomingOf(encodeUtf8("late")), body: inPieces(body()) };
  const base = { bucket: testBucket, key: key("k"), attributes, incoming };
  const result = await inNamedBucket(store, putObject, {
    ...base,
    condition: { kind: "ifAbsent" },
  });
  assert.equal(refusalOf(result), "preconditionFailed");
  assert.equal(decodeUtf8(ok(await get(store, "k"))), "earlier");
  assert.equal(store.writer.released.length, store.writer.appended.length);
});

test("put: a condition that fails is answered before the body is read", async () => {
  const store = await createTestStore(hash);
  ok(await put(store, "k", "there"));
  const unread: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => assert.fail("the body was read"),
  };
  const incoming = { ...incomingOf(encodeUtf8("x")), body: inPieces(unread) };
  const base = { bucket: testBucket, key: key("k"), attributes, incoming };
  const result = await inNamedBucket(store, putObject, {
    ...base,
    condition: { kind: "ifAbsent" },
  });
  assert.equal(refusalOf(result), "preconditionFailed");
});

test("C3: a read that began sees its bytes to the end while the object is replaced", async () => {
  const store = await createTestStore(hash);
  ok(await put(store, "k", "old"));
  const read = ok(
    await inNamedBucket(store, getObject, { bucket: testBucket, key: key("k"), conditions: {} }),
  );
  ok(await put(store, "k", "new"));
  assert.equal(decodeUtf8(await collect(read.body)), "old");
});

test("delete: conditional as on AWS", async () => {
  const store = await createTestStore(hash);
  const remove = (etag: string) =>
    inNamedBucket(store, deleteObject, {
      bucket: testBucket,
      key: key("k"),
      condition: { kind: "ifMatch", etag },
    });
  assert.equal(refusalOf(await remove("*")), "noSuchKey");
  const { etag } = ok(await put(store, "k", "x"));
  assert.equal(refusalOf(await remove("other")), "preconditionFailed");
  assert.equal(refusalOf(await remove(etag)), "not refused");
  assert.equal(refusalOf(await get(store, "k")), "noSuchKey");
});

/** A store whose partition answers commits as the test says. */
function withCommits(store: TestStore, commit: Partition["commit"]): ObjectStore {
  const { keymap } = store;
  const wrap = (partition: Partition): Partition => ({
    id: partition.id,
    read: (keys) => partition.read(keys),
    scan: (range, options) => partition.scan(range, options),
    inSnapshot: (read) => partition.inSnapshot(read),
    commit,
  });
  return {
    ...store,
    keymap: { ...keymap, partitionOf: (...of) => wrap(keymap.partitionOf(...of)) },
  };
}

test("C6: a key that changes under every attempt is given up as overloaded", async () => {
  const store = await createTestStore(hash);
  let attempts = 0;
  const hot = withCommits(store, async ({ checks }) => {
    attempts++;
    return { outcome: "conflict", key: checks[0]!.key };
  });
  await assert.rejects(put(hot, "k", "x"), { code: "overloaded" });
  assert.equal(attempts, commitAttemptsMax);
  assert.deepEqual(store.writer.released, store.writer.appended);
});

test("C5: records are released once their commit is decided, and never while it is unknown", async () => {
  const store = await createTestStore(hash);
  const failing = (code: "unavailable" | "unknown") =>
    withCommits(store, () => Promise.reject(new StoreError(code, "index")));
  await assert.rejects(put(failing("unavailable"), "k", "x"), { code: "unavailable" });
  assert.deepEqual(store.writer.released, store.writer.appended);
  await assert.rejects(put(failing("unknown"), "k", "x"), { code: "unknown" });
  assert.equal(store.writer.released.length, 1);
  assert.equal(store.writer.appended.length, 2);
  ok(
    await inNamedBucket(store, deleteObject, {
      bucket: testBucket,
      key: key("k"),
      condition: always,
    }),
  );
});
