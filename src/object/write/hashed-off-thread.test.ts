import assert from "node:assert/strict";
import { test } from "node:test";
import { isStoreError, StoreError } from "../../base/errors.ts";
import { settle } from "../../extent/testing/manual-clock.ts";
import { chunkBytesMax } from "../../format/limits.ts";
import { createHash } from "../../node/platform/hash.ts";
import { inNamedBucket } from "../bucket/in-named-bucket.ts";
import type { BodyHasher } from "../../platform/hash.ts";
import { chunkPoolOf } from "./body-buffers.ts";
import { putObject } from "./put.ts";
import {
  always,
  attributes,
  get,
  inPieces,
  ok,
  patterned,
  refusalOf,
  incomingOf,
} from "../testing/bodies.ts";
import { createTestStore, key, testBucket } from "../testing/test-store.ts";

const hash = createHash();
const chunks = 4;
const bytes = patterned(chunks * chunkBytesMax + 100);

/** A store whose large bodies are hashed by these, and how many are open. */
async function createStore(change: (hasher: BodyHasher) => Partial<BodyHasher>) {
  const open = { hashers: 0 };
  const store = await createTestStore({
    ...hash,
    createOffThread(algorithms) {
      const hasher = hash.createOffThread(algorithms);
      open.hashers++;
      return { ...hasher, close: () => void open.hashers--, ...change(hasher) };
    },
  });
  const chunkBuffers = chunkPoolOf(store.buffers, chunkBytesMax);
  let buffersInUse = 0;
  const take = chunkBuffers.take.bind(chunkBuffers);
  chunkBuffers.take = () => {
    buffersInUse++;
    return take();
  };
  const give = chunkBuffers.give.bind(chunkBuffers);
  chunkBuffers.give = (buffer) => {
    buffersInUse--;
    give(buffer);
  };
  const put = (incoming = incomingOf(bytes, { pieceBytes: 65_536 })) =>
    inNamedBucket(store, putObject, {
      bucket: testBucket,
      key: key("k"),
      attributes,
      condition: always,
      incoming,
    });
  return { store, open, put, inUse: () => buffersInUse };
}

test("C3, C6: a large body whose hashing fails is not stored, and its memory is given back", async () => {
  for (const failing of [1, 4, 3 * chunks]) {
    let updates = 0;
    const { store, open, put, inUse } = await createStore((hasher) => ({
      update: (some) =>
        ++updates === failing
          ? Promise.reject(new StoreError("unavailable", "a thread died"))
          : hasher.update(some),
    }));
    await assert.rejects(put(), (error) => isStoreError(error, "unavailable"));
    assert.deepEqual(store.writer.released, store.writer.appended);
    assert.equal(refusalOf(await get(store, "k")), "noSuchKey");
    assert.deepEqual([open.hashers, inUse()], [0, 0]);
  }
});

test("C6: a large body waits for its hashing, with two chunks on their way and one being filled", async () => {
  const gate = Promise.withResolvers<void>();
  const { store, put, open, inUse } = await createStore((hasher) => ({
    update: async (some) => {
      await gate.promise;
      await hasher.update(some);
    },
    digests: async () => {
      await gate.promise;
      return hasher.digests();
    },
  }));
  const stored = put();
  for (let i = 0; i < 20; i++) await settle();
  assert.equal(store.writer.appended.length, 2);
  assert.equal(inUse(), 3);
  gate.resolve();
  ok(await stored);
  assert.deepEqual(Buffer.from(ok(await get(store, "k"))), Buffer.from(bytes));
  assert.deepEqual([open.hashers, inUse()], [0, 0]);
});

test("C6: a large body that breaks off closes its hashers and gives back its memory", async () => {
  const { put, open, inUse } = await createStore(() => ({}));
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < chunkBytesMax + 900_000; at += 65_536) {
      yield bytes.subarray(at, at + 65_536);
    }
    throw new StoreError("cancelled", "the client left");
  };
  await assert.rejects(put({ ...incomingOf(bytes), body: inPieces(broken()) }), {
    code: "cancelled",
  });
  await settle();
  assert.deepEqual([open.hashers, inUse()], [0, 0]);
});

test("put: the memory of chunks is used again", async () => {
  const { store, put } = await createStore(() => ({}));
  for (let i = 0; i < 3; i++) ok(await put());
  assert.ok(chunkPoolOf(store.buffers, chunkBytesMax).freeBuffers <= 3);
});
