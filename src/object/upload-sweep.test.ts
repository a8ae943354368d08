import assert from "node:assert/strict";
import test from "node:test";
import { encodeUtf8 } from "../base/bytes.ts";
import { createHash } from "../node/hash.ts";
import type { Partition } from "../keymap/keymap.ts";
import { attributes, ok, refusalOf } from "./testing/bodies.ts";
import { listParts, initiateUpload } from "./multipart.ts";
import type { ObjectStore } from "./object-store.ts";
import { freedIn } from "./testing/garbage.ts";
import type { TestStore } from "./testing/test-store.ts";
import { createTestStore, key, testBucket } from "./testing/test-store.ts";
import type { TestUpload } from "./testing/uploads.ts";
import { startUpload } from "./testing/uploads.ts";
import { UploadSweep } from "./upload-sweep.ts";

const hash = createHash();
const idleMs = 7 * 24 * 3_600_000;
const everyMs = 1000;

function createSweep(store: TestStore, keymap: ObjectStore["keymap"] = store.keymap) {
  const ended = { count: 0 };
  const onEnded = () => void ended.count++;
  const sweep = new UploadSweep({ ...store, keymap, idleMs, everyMs, onEnded });
  const round = async (): Promise<number> => {
    const before = ended.count;
    while ((await sweep.step()) === "busy");
    store.platform.advance(everyMs);
    return ended.count - before;
  };
  return { sweep, round };
}

const isThere = async (store: ObjectStore, { address }: TestUpload): Promise<boolean> =>
  refusalOf(await listParts(store, { ...address, afterPart: 0, limit: 1 })) === "not refused";

test("C5: an upload idle since its newest part is ended, and its parts are garbage; a younger one stays", async () => {
  const store = await createTestStore(hash);
  const { round } = createSweep(store);
  const [empty, used] = [await startUpload(store), await startUpload(store)];
  store.platform.advance(idleMs / 2);
  await used.parts([[3, encodeUtf8("part")]]);
  store.platform.advance(idleMs / 2);
  const young = await startUpload(store);
  assert.equal(await round(), 0);
  store.platform.advance(1);
  assert.equal(await round(), 1);
  assert.deepEqual([await isThere(store, empty), await isThere(store, used)], [false, true]);
  store.platform.advance(idleMs / 2);
  assert.equal(await round(), 1);
  assert.deepEqual([await isThere(store, used), await isThere(store, young)], [false, true]);
  assert.equal((await freedIn(store)).length, 1);
});

test("C2: an upload that gets a part as the sweep ends it stays", async () => {
  const store = await createTestStore(hash);
  const upload = await startUpload(store);
  await upload.parts([[1, encodeUtf8("old")]]);
  store.platform.advance(idleMs + 1);
  const [partition] = store.keymap.partitions;
  const late: Partition = {
    id: partition!.id,
    get: (row) => partition!.get(row),
    scan: (...of) => partition!.scan(...of),
    inSnapshot: (read) => partition!.inSnapshot(read),
    async commit(change) {
      await upload.parts([[2, encodeUtf8("new")]]);
      return partition!.commit(change);
    },
  };
  const { round } = createSweep(store, { ...store.keymap, partitions: [late] });
  assert.equal(await round(), 0);
  assert.ok(await isThere(store, upload));
  assert.deepEqual(await freedIn(store), []);
});

test("a round looks at a bounded number of uploads in each step, and the next comes after a while", async () => {
  const store = await createTestStore(hash);
  for (let i = 0; i < 150; i++) {
    const input = { bucket: testBucket, key: key(`${i}`), attributes, checksum: undefined };
    ok(await initiateUpload(store, input));
  }
  store.platform.advance(idleMs + 1);
  const { sweep, round } = createSweep(store);
  assert.equal(await sweep.step(), "busy");
  assert.equal(store.platform.logged.length, 64);
  assert.equal(await round(), 150 - 64);
  const late = await startUpload(store);
  store.platform.advance(idleMs + 1);
  assert.equal(await sweep.step(), "busy");
  assert.equal(await sweep.step(), "idle");
  assert.equal(await isThere(store, late), false);
  await startUpload(store);
  assert.equal(await sweep.step(), "idle");
});
