import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { isStoreError } from "../../base/errors.ts";
import type { BodyHasher, HashAlgorithm } from "../../platform/hash.ts";
import { createHash } from "./hash.ts";
import { HashThreads } from "./hash-threads.ts";
import { kernelBytes, KernelMemory } from "./kernel-memory.ts";

const inline = createHash();
const memory = createMemory();
const threads = new HashThreads(memory);
const offThread = createHash(memory, threads);
after(() => Promise.all(threads.running.map((worker) => worker.terminate())));

const all: readonly HashAlgorithm[] = ["md5", "sha1", "sha256", "crc32", "crc32c", "crc64nvme"];
const body = Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) >> 7);
const shared = memory.allocate(body.length);
shared.set(body);

/** Memory for the kernels of this thread and of two others, and for bytes of tests. */
function createMemory(): KernelMemory {
  return KernelMemory.create(3 * kernelBytes + 33 * 1024 * 1024);
}

async function updated(hasher: BodyHasher, bytes: Uint8Array): Promise<void> {
  await hasher.update(bytes);
}

/** Pieces of a body, cut at these places, all on their way at once. */
async function digestsOf(hasher: BodyHasher, bytes: Uint8Array, cuts: readonly number[]) {
  const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
  const updates = places.slice(1).map((end, i) => updated(hasher, bytes.subarray(places[i], end)));
  const digests = await hasher.digests();
  await Promise.all(updates);
  hasher.close();
  return digests;
}

test("threads that hash: bodies at once, however cut, come to what they come to here", async () => {
  const length = fc.nat(body.length);
  const bodies = fc.array(
    fc.record({
      algorithms: fc.uniqueArray(fc.constantFrom(...all), { minLength: 1 }),
      bytes: fc.tuple(fc.boolean(), length, length),
      cuts: fc.array(length, { maxLength: 5 }),
    }),
    { minLength: 1, maxLength: 6 },
  );
  await fc.assert(
    fc.asyncProperty(bodies, async (drawn) => {
      const results = drawn.map(async ({ algorithms, bytes: [isShared, a, b], cuts }) => {
        const bytes = (isShared ? shared : body).subarray(Math.min(a, b), Math.max(a, b));
        const within = cuts.map((cut) => cut % (bytes.length + 1));
        const digests = await digestsOf(offThread.createOffThread(algorithms), bytes, within);
        const expected = algorithms.map((name) => [name, inline.digest(name, bytes)] as const);
        assert.deepEqual(digests, new Map(expected));
      });
      await Promise.all(results);
    }),
    { numRuns: 60 },
  );
});

test("threads that hash: the event loop turns while a large body is hashed", async () => {
  const large = memory.allocate(32 * 1024 * 1024);
  assert.notEqual(memory.placeOf(large), undefined);
  const hasher = offThread.createOffThread(["md5", "sha1"]);
  let isDone = false;
  const done = updated(hasher, large).then(() => {
    isDone = true;
  });
  let turns = 0;
  while (!isDone) {
    turns++;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
  hasher.close();
  assert.ok(turns > 10, `${turns} turns`);
});

test("threads that hash: one that dies fails its bodies and no others, and another takes its place", async () => {
  const ownMemory = createMemory();
  const own = new HashThreads(ownMemory);
  const hash = createHash(ownMemory, own);
  const before = hash.createOffThread(["md5", "crc32"]);
  await before.update(shared);
  const [first] = own.running;
  // Ended first: on a busy machine the thread may be done with an update before it ends.
  const ended = first!.terminate();
  const underWay = updated(before, shared);
  await assert.rejects(underWay, (error) => isStoreError(error, "unavailable"));
  await ended;
  await assert.rejects(updated(before, shared), { code: "unavailable" });
  await assert.rejects(before.digests(), { code: "unavailable" });
  before.close();
  const digests = await digestsOf(hash.createOffThread(["md5", "crc32"]), shared, [7]);
  assert.deepEqual(digests.get("md5"), inline.digest("md5", body));
  assert.equal(own.running.length, 2);
  await Promise.all(own.running.map((worker) => worker.terminate()));
});

test("C6: threads that hash: a body given up leaves nothing behind", async () => {
  const ownMemory = createMemory();
  const own = new HashThreads(ownMemory);
  const hash = createHash(ownMemory, own);
  for (let i = 0; i < 3; i++) {
    const hasher = hash.createOffThread(["md5"]);
    const update = hasher.update(shared);
    hasher.close();
    await update;
  }
  assert.equal(own.waiting, 0);
  await Promise.all(own.running.map((worker) => worker.terminate()));
});
