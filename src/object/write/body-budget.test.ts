import assert from "node:assert/strict";
import { test } from "node:test";
import { noBytes } from "../../base/bytes.ts";
import { isStoreError, StoreError } from "../../base/errors.ts";
import { ManualClock, settle } from "../../extent/testing/manual-clock.ts";
import { chunkBytesMax } from "../../format/limits.ts";
import { createHash } from "../../node/platform/hash.ts";
import { inNamedBucket } from "../bucket/in-named-bucket.ts";
import {
  bodiesBytesMax,
  BodyBudget,
  BodyShare,
  freeBytesPerUpload,
  turnMsMax,
  waitersMax,
  waitMsMax,
} from "./body-budget.ts";
import {
  always,
  attributes,
  get,
  inPieces,
  patterned,
  put,
  incomingOf,
} from "../testing/bodies.ts";
import { createTestStore, key, testBucket } from "../testing/test-store.ts";
import { putObject } from "./put.ts";

const hash = createHash();
const chunksMax = bodiesBytesMax / chunkBytesMax;

/** Shares that have all the budget; closing one lets one chunk go. */
async function exhausted(budget: BodyBudget): Promise<BodyShare[]> {
  const shares = Array.from({ length: chunksMax }, () => new BodyShare(budget));
  for (const share of shares) await share.cover(freeBytesPerUpload + 1, chunkBytesMax);
  return shares;
}

/** Waits for a share of a whole chunk. */
async function covering(budget: BodyBudget, share = new BodyShare(budget)): Promise<void> {
  await share.cover(chunkBytesMax);
}

test("C6: uploads together hold no more than the budget, however many there are", async () => {
  const store = { ...(await createTestStore(hash)), bodies: new BodyBudget(new ManualClock()) };
  const uploads = 2 * chunksMax;
  let pulled = 0;
  const piece = new Uint8Array(chunkBytesMax / 4);
  const leave = Promise.withResolvers<never>();
  // Each sends half a chunk and then nothing more: nothing of it can be written.
  const body = async function* (): AsyncGenerator<Uint8Array> {
    for (let sent = 0; sent < 2; sent++) {
      pulled++;
      yield piece;
    }
    await leave.promise;
  };
  const puts = Array.from({ length: uploads }, (_, i) => {
    const incoming = { ...incomingOf(noBytes), body: inPieces(body()), sizeBytes: chunkBytesMax };
    const input = { bucket: testBucket, key: key(`k${i}`), attributes, condition: always };
    return inNamedBucket(store, putObject, { ...input, incoming });
  });
  await settle();
  // One piece each of those who wait, two of the others.
  assert.equal(pulled, 2 * chunksMax + (uploads - chunksMax));
  await put(store, "small", new Uint8Array(freeBytesPerUpload));
  leave.reject(new StoreError("cancelled", "the client left"));
  for (const result of await Promise.allSettled(puts)) assert.equal(result.status, "rejected");
  assert.equal(pulled, 2 * uploads, "who waited had its turn");
});

test("C6: a chunk's share comes back when it is written, in order of arrival", async () => {
  const budget = new BodyBudget(new ManualClock());
  const [first] = await exhausted(budget);
  const late = [new BodyShare(budget), new BodyShare(budget)];
  const order: number[] = [];
  const waits = late.map((share, i) =>
    covering(budget, share).then(() => {
      order.push(i);
    }),
  );
  await settle();
  assert.deepEqual(order, []);
  const written = first!.handOver();
  written();
  written();
  await settle();
  assert.deepEqual(order, [0]);
  late[0]!.close();
  await Promise.all(waits);
});

test("C6: an upload that gets no memory is answered SlowDown, and leaves no share behind", async () => {
  const clock = new ManualClock();
  const budget = new BodyBudget(clock);
  const shares = await exhausted(budget);
  const slow = covering(budget).catch((error: unknown) => error);
  await clock.advance(waitMsMax);
  assert.ok(isStoreError(await slow, "overloaded"));
  for (const share of shares) share.close();
  await settle();
  await exhausted(budget);
  assert.equal(clock.sleepers, 0);
});

test("C6: past the queue an upload is answered SlowDown at once", async () => {
  const budget = new BodyBudget(new ManualClock());
  const shares = await exhausted(budget);
  const waiting = Array.from({ length: waitersMax }, () => {
    const share = new BodyShare(budget);
    return covering(budget, share).then(() => {
      share.close();
    });
  });
  await assert.rejects(covering(budget), { code: "overloaded" });
  for (const share of shares) share.close();
  await Promise.all(waiting);
});

test("C6: slow uploads take turns: one that sends nothing does not keep others waiting", async () => {
  const clock = new ManualClock();
  const store = { ...(await createTestStore(hash)), bodies: new BodyBudget(clock) };
  const bytes = patterned(2 * chunkBytesMax);
  const half = chunkBytesMax / 2;
  const goOn = Promise.withResolvers<void>();
  const body = async function* (): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, half);
    await goOn.promise;
    yield bytes.subarray(half);
  };
  const input = { bucket: testBucket, attributes, condition: always };
  const slow = Array.from({ length: chunksMax }, (_, i) => {
    const incoming = { ...incomingOf(bytes), body: inPieces(body()) };
    return inNamedBucket(store, putObject, { ...input, key: key(`slow${i}`), incoming });
  });
  await settle();
  const quick = put(store, "quick", bytes);
  await clock.advance(turnMsMax);
  await quick;
  goOn.resolve();
  await Promise.all(slow);
  for (const name of ["quick", "slow0", `slow${chunksMax - 1}`]) {
    assert.deepEqual(await get(store, name), bytes);
  }
  await exhausted(store.bodies);
});

test("C6: an upload that was cut short too often is answered SlowDown", async () => {
  const clock = new ManualClock();
  const store = { ...(await createTestStore(hash)), bodies: new BodyBudget(clock) };
  const piece = new Uint8Array(freeBytesPerUpload + 1);
  const others = await exhausted(store.bodies);
  others.pop()?.close();
  const body = async function* (): AsyncGenerator<Uint8Array> {
    for (;;) {
      yield piece;
      // Somebody else waits, as always.
      const other = new BodyShare(store.bodies);
      const waiting = other.cover(chunkBytesMax);
      await clock.advance(turnMsMax);
      await waiting;
      other.close();
    }
  };
  const incoming = { ...incomingOf(noBytes), body: inPieces(body()), sizeBytes: undefined };
  const input = { bucket: testBucket, key: key("k"), attributes, condition: always };
  await assert.rejects(inNamedBucket(store, putObject, { ...input, incoming }), {
    code: "overloaded",
  });
});
