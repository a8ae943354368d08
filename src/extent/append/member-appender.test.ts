import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../../node/platform/hash.ts";
import { LaneOnDisks } from "../testing/lane-on-disks.ts";
import { type Batch, MemberAppender } from "./member-appender.ts";

const batch = (offset: number, end: number): Batch => {
  const bytes = new Uint8Array(end - offset).fill(offset);
  return { held: [], vectors: [bytes], offset, end, quorumMs: undefined };
};

test("C1: member: only batches that follow each other are written at once", async () => {
  const { disks } = await LaneOnDisks.create(createHash(), 1);
  const writes: [number, number][] = [];
  const goOn = Promise.withResolvers<void>();
  const appender = new MemberAppender({
    member: {
      append: async (_epoch, offset, vectors) => {
        writes.push([offset, vectors.reduce((end, { length }) => end + length, offset)]);
        await goOn.promise;
      },
      read: () => Promise.reject(new Error("not read")),
      size: () => Promise.reject(new Error("not looked at")),
      isInPlace: () => true,
      seal: () => Promise.reject(new Error("not sealed")),
      close: () => Promise.resolve(),
    },
    health: disks[0]!,
    epoch: 1,
    share: 1,
  });
  const batches = [batch(10, 20), batch(20, 30), batch(30, 40), batch(30, 35), batch(35, 36)];
  const appends = batches.map((one) => appender.append(one));
  goOn.resolve();
  await Promise.all(appends);
  assert.deepEqual(writes, [
    [10, 20],
    [20, 40],
    [30, 36],
  ]);
  assert.equal(appender.durableLength, 36);
});
