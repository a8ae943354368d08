import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../../node/platform/hash.ts";
import { settle } from "../testing/manual-clock.ts";
import { identityOf, payloadOf, TestStore, standardExtents } from "../testing/test-store.ts";

const hash = createHash();

const copiesOf = (store: TestStore): number[] =>
  [...store.table.entries.values()].map(({ row }) => row.members.length);

for (const disks of [2, 3]) {
  test(`C1: of ${disks} disks all but one are late: nothing is answered that is on one alone`, async () => {
    const store = await TestStore.create(hash, disks);
    const gate = Promise.withResolvers<void>();
    for (const disk of store.memoryDisks.slice(1)) disk.before = () => gate.promise;
    let isAnswered = false;
    const append = store.writer().append(standardExtents, identityOf(0), payloadOf(10));
    void append.then(() => (isAnswered = true));
    await store.clock.advance(5000);
    assert.ok(!isAnswered);
    assert.deepEqual(copiesOf(store), []);
    gate.resolve();
    await settle();
    await append;
    assert.deepEqual(copiesOf(store), [disks]);
  });
}

test("C1: two of three disks are full: the store is, and nothing is written to one disk alone", async () => {
  const store = await TestStore.create(hash, 3);
  for (const disk of store.memoryDisks.slice(1)) disk.bytesFree = 1;
  const append = store.writer().append(standardExtents, identityOf(0), payloadOf(10));
  await assert.rejects(append, { code: "storage_full" });
  assert.deepEqual(copiesOf(store), []);
});

test("C1: where the other disk is not there, one takes records alone, and that is said", async () => {
  const store = await TestStore.create(hash, 2);
  store.memoryDisks[1]!.files.clear();
  await store.writer().append(standardExtents, identityOf(0), payloadOf(10));
  assert.deepEqual(copiesOf(store), [1]);
  assert.ok(store.logged.some(({ event }) => event === "extent_narrower"));
});
