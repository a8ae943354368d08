import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../base/bytes.ts";
import { createMemoryEngine } from "../engine/memory-engine.ts";
import { encodeBucketRow } from "../format/bucket-row.ts";
import type { BucketId } from "../format/ids.ts";
import { bucketKey } from "../format/row-keys.ts";
import { createHash } from "../node/platform/hash.ts";
import {
  changeChosenScheme,
  chosenSchemeKeysOf,
  isSchemeOfABucket,
  listChosenSchemes,
  readClassChoice,
  readExtentClass,
} from "./chosen-schemes.ts";
import type { Keymap } from "./keymap.ts";
import { openTestKeymap } from "./testing/open-test-keymap.ts";
import { createTestPlatform } from "./testing/test-platform.ts";

const platform = createTestPlatform(createHash());
const photos = { id: 7 as BucketId, key: bucketKey(encodeUtf8("photos")) };
const storageClass = "STANDARD";

async function openWithBucket(): Promise<Keymap> {
  const engines = new Map([["index", createMemoryEngine()]]);
  const keymap = await openTestKeymap({ platform, engines, role: "tool" });
  const row = { id: photos.id, createdMs: 1, owner: "o", account: "a", region: "r" };
  const numbers = { lastVersioningNumber: 0, versioningNumber: 0 };
  const value = encodeBucketRow({ ...row, versioning: "off", ...numbers });
  const id = keymap.session.nextChangeId();
  await keymap.system.commit({ id, checks: [], puts: [{ key: photos.key, value }], deletes: [] });
  return keymap;
}

const chosen = (scheme: string) => ({ scheme, isInline: scheme === "rs-4-2", chosenMs: 5 });

test("chosen schemes: a bucket's own choice comes before that for its class", async () => {
  const keymap = await openWithBucket();
  const ofBucket = async (id: BucketId, name = storageClass) =>
    (await readExtentClass(keymap, name, id)).bucketScheme;
  assert.deepEqual(await readExtentClass(keymap, storageClass, photos.id), {
    storageClass,
    bucketScheme: undefined,
  });
  await changeChosenScheme(keymap, { storageClass }, chosen("rs-4-2"));
  assert.equal(await ofBucket(photos.id), undefined);
  await changeChosenScheme(keymap, { storageClass, bucket: photos }, chosen("copies-3"));
  assert.equal(await ofBucket(photos.id), "copies-3");
  assert.equal(await ofBucket(8 as BucketId), undefined);
  assert.equal((await readClassChoice(keymap, storageClass))?.scheme, "rs-4-2");
  assert.equal(await ofBucket(photos.id, "GLACIER_IR"), undefined);
  assert.ok(await isSchemeOfABucket(keymap, storageClass, "copies-3"));
  assert.ok(!(await isSchemeOfABucket(keymap, storageClass, "rs-4-2")));
  assert.ok(!(await isSchemeOfABucket(keymap, "GLACIER_IR", "copies-3")));
  assert.deepEqual(await listChosenSchemes(keymap), [
    { storageClass, bucket: undefined, ...chosen("rs-4-2") },
    { storageClass, bucket: photos.id, ...chosen("copies-3") },
  ]);
});

test("chosen schemes: a choice is taken back, also one that was never made", async () => {
  const keymap = await openWithBucket();
  await changeChosenScheme(keymap, { storageClass, bucket: photos }, chosen("copies-3"));
  assert.equal((await chosenSchemeKeysOf(keymap, photos.id)).length, 1);
  for (let i = 0; i < 2; i++) {
    const done = await changeChosenScheme(keymap, { storageClass, bucket: photos }, undefined);
    assert.deepEqual(done, { done: true });
  }
  assert.deepEqual(await listChosenSchemes(keymap), []);
});

test("chosen schemes: none is chosen for a bucket that is not there, or goes meanwhile", async () => {
  const keymap = await openWithBucket();
  const gone = { storageClass, bucket: { ...photos, id: 6 as BucketId } };
  assert.deepEqual(await changeChosenScheme(keymap, gone, chosen("copies-3")), {
    refusal: "noSuchBucket",
  });
  const { system, session } = keymap;
  let reads = 0;
  const read: Keymap["system"]["read"] = async (keys) => {
    const rows = await system.read(keys);
    // The bucket is deleted between the look at it and the commit.
    const id = session.nextChangeId();
    if (reads++ === 0) await system.commit({ id, checks: [], puts: [], deletes: [photos.key] });
    return rows;
  };
  const meanwhile = { ...keymap, system: { ...system, read, commit: system.commit.bind(system) } };
  const place = { storageClass, bucket: photos };
  assert.deepEqual(await changeChosenScheme(meanwhile, place, chosen("copies-3")), {
    refusal: "noSuchBucket",
  });
  assert.deepEqual(await listChosenSchemes(keymap), []);
});
