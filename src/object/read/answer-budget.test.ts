import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes } from "../../base/bytes.ts";
import { ManualClock } from "../../extent/testing/manual-clock.ts";
import { chunkBytesMax } from "../../format/limits.ts";
import { createHash } from "../../node/platform/hash.ts";
import {
  AnswerBudget,
  readAheadBytesMax,
  answersBytesMax,
  minPieceBytes,
  pieceBytesMax,
  slowPieceMs,
} from "./answer-budget.ts";
import { getObject } from "./get.ts";
import type { ObjectStore } from "../object-store.ts";
import { inNamedBucket } from "../bucket/in-named-bucket.ts";
import { patterned, put } from "../testing/bodies.ts";
import { createTestStore, key, testBucket } from "../testing/test-store.ts";
import { isRefusal } from "../refusal.ts";

const hash = createHash();

/** The pieces of a GET, one after the other. */
async function piecesOf(
  store: ObjectStore,
  name: string,
  range?: { first: number; last: number },
): Promise<AsyncIterator<Uint8Array>> {
  const wanted = range === undefined ? undefined : ({ kind: "from", ...range } as const);
  const read = await inNamedBucket(store, getObject, {
    bucket: testBucket,
    key: key(name),
    conditions: {},
    range: wanted,
  });
  assert.ok(!isRefusal(read));
  return read.body[Symbol.asyncIterator]();
}

async function rest(pieces: AsyncIterator<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
    all.push(next.value);
  }
  return all;
}

function full(budget: AnswerBudget): void {
  while (budget.take(pieceBytesMax) > minPieceBytes);
}

test("C6: readers of large objects that take nothing hold no more than the budget and a block each", async () => {
  const store = await createTestStore(hash);
  await put(store, "large", patterned(3 * chunkBytesMax));
  const readers = [];
  let held = 0;
  for (let i = 0; i < 200; i++) {
    const pieces = await piecesOf(store, "large");
    const { value } = await pieces.next();
    assert.ok(value instanceof Uint8Array);
    held += value.length;
    readers.push(pieces);
  }
  assert.ok(store.answers.used <= answersBytesMax, `${store.answers.used} bytes`);
  assert.ok(held <= answersBytesMax + 200 * minPieceBytes, `${held} bytes`);
  for (const pieces of readers) await pieces.return?.();
  assert.equal(store.answers.used, 0);
});

test("C6: with the budget full every byte still comes, in blocks", async () => {
  const answers = new AnswerBudget(new ManualClock());
  const store = { ...(await createTestStore(hash)), answers };
  const bytes = patterned(chunkBytesMax + 3 * minPieceBytes + 17);
  await put(store, "large", bytes);
  full(answers);
  const before = answers.used;
  const all = await rest(await piecesOf(store, "large"));
  assert.ok(all.every((piece) => piece.length <= minPieceBytes));
  assert.deepEqual(concatBytes(all), bytes);
  const [first, last] = [chunkBytesMax - 100, chunkBytesMax + minPieceBytes + 5];
  const part = await rest(await piecesOf(store, "large", { first, last }));
  assert.deepEqual(concatBytes(part), bytes.subarray(first, last + 1));
  assert.equal(answers.used, before);
});

test("C6: the budget grants whole buffers while it lasts, then blocks", () => {
  const budget = new AnswerBudget(new ManualClock());
  const granted: number[] = [];
  for (let i = 0; i < 200; i++) granted.push(budget.take(pieceBytesMax));
  const count = (bytes: number): number => granted.filter((each) => each === bytes).length;
  const whole = answersBytesMax / pieceBytesMax;
  assert.equal(count(pieceBytesMax), whole);
  assert.equal(count(minPieceBytes), granted.length - whole);
  assert.equal(budget.used, answersBytesMax);
  assert.equal(budget.takeAhead(pieceBytesMax), 0);
  for (const bytes of granted) budget.giveBack(bytes);
  assert.equal(budget.used, 0);
  let ahead = 0;
  while (budget.takeAhead(pieceBytesMax) > 0) ahead += pieceBytesMax;
  assert.equal(ahead, readAheadBytesMax);
});

test("C6: what is more than a block counts as the whole buffer it is in", () => {
  const budget = new AnswerBudget(new ManualClock());
  assert.equal(budget.take(minPieceBytes), minPieceBytes);
  assert.equal(budget.used, 0);
  assert.equal(budget.take(minPieceBytes + 1), minPieceBytes + 1);
  assert.equal(budget.used, pieceBytesMax);
  budget.giveBack(minPieceBytes + 1);
  assert.equal(budget.used, 0);
});

test("C6: a slow peer gets small pieces, and larger ones again when it is quick", async () => {
  const clock = new ManualClock();
  const share = new AnswerBudget(clock).open();
  const takes = async (ms: number): Promise<number> => {
    const bytes = share.take(pieceBytesMax);
    const taken = share.handOver(bytes);
    await clock.advance(ms);
    taken();
    return bytes;
  };
  for (let i = 0; i < 10; i++) await takes(slowPieceMs + 1);
  assert.equal(await takes(0), minPieceBytes);
  assert.equal(share.takeAhead(1), 0);
  for (let i = 0; i < 10; i++) await takes(0);
  assert.equal(await takes(0), pieceBytesMax);
  assert.ok(share.takeAhead(pieceBytesMax) > 0);
});

test("C6: a read that fails or is cancelled releases its share of the memory", async () => {
  const store = await createTestStore(hash);
  await put(store, "large", patterned(3 * chunkBytesMax));
  const pieces = await piecesOf(store, "large");
  await pieces.next();
  assert.equal(store.answers.used, 2 * pieceBytesMax);
  await pieces.return?.();
  assert.equal(store.answers.used, 0);
  const failing = {
    ...store,
    reader: { ...store.reader, read: () => Promise.reject(new Error()) },
  };
  await assert.rejects((await piecesOf(failing, "large")).next());
  assert.equal(store.answers.used, 0);
});

test("C6: a read whose peer leaves releases the piece that is being read", async () => {
  const store = await createTestStore(hash);
  await put(store, "large", patterned(chunkBytesMax));
  const peer = new AbortController();
  const input = { bucket: testBucket, key: key("large"), conditions: {}, peer };
  const read = await inNamedBucket(store, getObject, input);
  assert.ok(!isRefusal(read));
  const pieces = read.body[Symbol.asyncIterator]();
  const first = pieces.next();
  peer.abort();
  await assert.rejects(first, { code: "cancelled" });
  assert.equal(store.answers.used, 0);
});
