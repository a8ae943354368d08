import assert from "node:assert/strict";
import test from "node:test";
import { encodeUtf8 } from "../base/bytes.ts";
import { createHash } from "../node/platform/hash.ts";
import { Activity } from "../keymap/activity.ts";
import { renewLease } from "../keymap/leases.ts";
import { fenceSession } from "../keymap/sessions.ts";
import type { Partition } from "../keymap/keymap.ts";
import { attributes, ok, refusalOf } from "../object/testing/bodies.ts";
import { listParts, initiateUpload } from "../object/upload/multipart.ts";
import type { ObjectStore } from "../object/object-store.ts";
import { freedIn } from "../object/testing/garbage.ts";
import { createTestStore, key, testBucket, type TestStore } from "../object/testing/test-store.ts";
import { startUpload, type TestUpload } from "../object/testing/uploads.ts";
import { inNamedBucket } from "../object/bucket/in-named-bucket.ts";
import { UploadSweep } from "./upload-sweep.ts";

const hash = createHash();
const idleMs = 7 * 24 * 3_600_000;
const everyMs = 1000;

/** A sweep as a background worker that starts now has it; `round` counts the uploads it ended. */
function createSweep(store: TestStore, keymap: ObjectStore["keymap"] = store.keymap) {
  const counters = { uploadsEnded: 0 };
  const sweep = new UploadSweep({ ...store, keymap, idleMs, everyMs, counters });
  const round = async (): Promise<number> => {
    const before = counters.uploadsEnded;
    while ((await sweep.step()) === "busy");
    return counters.uploadsEnded - before;
  };
  return { sweep, round };
}

/**
 * Lets so many times `idleMs` pass, seen by a background worker whose sweep is somebody else's
 * affair.
 */
async function pass(store: TestStore, share: number): Promise<void> {
  const steps = 32;
  const watch = new Activity({ ...store, idleMs });
  for (let step = 0; step <= steps * share; step++) {
    await renewLease(store);
    await watch.advance();
    store.platform.advance(idleMs / steps);
  }
}

const isThere = async (store: ObjectStore, { address }: TestUpload): Promise<boolean> =>
  refusalOf(await inNamedBucket(store, listParts, { ...address, afterPart: 0, limit: 1 })) ===
  "not refused";

test("C5: an upload idle since its newest part is ended, and its parts are garbage; a younger one stays", async () => {
  const store = await createTestStore(hash);
  const [empty, used] = [await startUpload(store), await startUpload(store)];
  await pass(store, 0.5);
  await used.parts([[3, encodeUtf8("part")]]);
  await pass(store, 0.25);
  const young = await startUpload(store);
  assert.equal(await createSweep(store).round(), 0);
  await pass(store, 0.4);
  assert.equal(await createSweep(store).round(), 1);
  assert.deepEqual([await isThere(store, empty), await isThere(store, used)], [false, true]);
  await pass(store, 0.5);
  assert.equal(await createSweep(store).round(), 1);
  assert.deepEqual([await isThere(store, used), await isThere(store, young)], [false, true]);
  assert.equal((await freedIn(store)).length, 1);
});

test("C5: a wall clock days ahead ends no upload that goes on, and one set back keeps none", async () => {
  for (const aheadMs of [-100 * idleMs, 100 * idleMs]) {
    const store = await createTestStore(hash);
    const upload = await startUpload(store);
    await upload.parts([[1, encodeUtf8("part")]]);
    const { clock } = store.platform;
    const apart = { ...clock, now: () => clock.now() + aheadMs };
    const other = { ...store, platform: { ...store.platform, clock: apart } };
    await pass(store, 0.5);
    assert.equal(await createSweep(other).round(), 0);
    await pass(store, 0.7);
    assert.equal(await createSweep(other).round(), 1);
    assert.equal(await isThere(store, upload), false);
  }
});

test("C5: an idle upload of a dead process is ended, too; time without a background worker does not count", async () => {
  const store = await createTestStore(hash);
  const gone = await store.machine.frontEnd();
  const upload = await startUpload(gone);
  await pass(store, 0.25);
  await fenceSession(store.keymap, gone.keymap.session.id);
  for (let day = 0; day < 6; day++) {
    store.platform.advance(3 * idleMs);
    assert.equal(await createSweep(store).round(), 0);
    await pass(store, 0.1);
  }
  await pass(store, 0.5);
  assert.equal(await createSweep(store).round(), 1);
  assert.equal(await isThere(store, upload), false);
});

test("C5: two background workers at once do not count time twice", async () => {
  const store = await createTestStore(hash);
  await startUpload(store);
  const watches = [new Activity({ ...store, idleMs }), new Activity({ ...store, idleMs })];
  for (let step = 0; step < 30; step++) {
    await renewLease(store);
    for (const watch of watches) await watch.advance();
    store.platform.advance(idleMs / 32);
  }
  assert.equal(await createSweep(store).round(), 0);
});

test("C2: an upload that gets a part as the sweep ends it stays", async () => {
  const store = await createTestStore(hash);
  const upload = await startUpload(store);
  await upload.parts([[1, encodeUtf8("old")]]);
  await pass(store, 1.2);
  const [partition] = store.keymap.partitions;
  const late: Partition = {
    id: partition!.id,
    read: (keys) => partition!.read(keys),
    scan: (...of) => partition!.scan(...of),
    inSnapshot: (read) => partition!.inSnapshot(read),
    async commit(change) {
      await upload.parts([[2, encodeUtf8("new")]]);
      return partition!.commit(change);
    },
  };
  const { keymap } = store;
  const withLate = { ...keymap, session: keymap.session, system: keymap.system };
  const { round } = createSweep(store, { ...withLate, partitions: [late] });
  assert.equal(await round(), 0);
  assert.ok(await isThere(store, upload));
  assert.deepEqual(await freedIn(store), []);
});

test("a round looks at a bounded number of uploads in each step, and the next comes after a while", async () => {
  const store = await createTestStore(hash);
  for (let i = 0; i < 150; i++) {
    const input = { bucket: testBucket, key: key(`${i}`), attributes, checksum: undefined };
    ok(await inNamedBucket(store, initiateUpload, input));
  }
  await pass(store, 1.2);
  const { sweep, round } = createSweep(store);
  assert.equal(await sweep.step(), "busy");
  const ended = store.platform.logged.filter(({ event }) => event === "idle_upload_ended");
  assert.equal(ended.length, 64);
  assert.equal(await round(), 150 - 64);
  assert.equal(await sweep.step(), "idle");
  const late = await startUpload(store);
  await pass(store, 1.2);
  assert.equal(await sweep.step(), "busy");
  assert.equal(await sweep.step(), "idle");
  assert.equal(await isThere(store, late), false);
});
