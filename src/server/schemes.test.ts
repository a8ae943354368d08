import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClassReport, SchemePlace } from "../admin/scheme-pages.ts";
import { isRefusal } from "../base/refusal.ts";
import { createLossCheck } from "../erasure/losses.ts";
import { readExtentClass } from "../keymap/chosen-schemes.ts";
import { createHash } from "../node/platform/hash.ts";
import { deleteBucket, getBucket } from "../object/bucket/buckets.ts";
import { ok } from "../object/testing/bodies.ts";
import { createTestStore, testBucket } from "../object/testing/test-store.ts";
import { testDisk } from "../placement/testing/disks.ts";
import { createTopology } from "../placement/topology.ts";
import { StoredSchemes } from "./schemes.ts";

const storageClass = "STANDARD";

async function openSchemes() {
  const store = await createTestStore(createHash());
  const { keymap } = store;
  const disks = Array.from({ length: 18 }, (_, i) => testDisk(i, `zone=z${i % 3}`));
  const topology = createTopology(disks);
  const schemes = new StoredSchemes({
    clock: store.platform.clock,
    keymap,
    topology: () => Promise.resolve(topology),
    canLose: createLossCheck(),
  });
  const choose = async (bucket: string | undefined, scheme: string | undefined) => {
    const choice = scheme === undefined ? undefined : { scheme, isInline: false };
    const kept = await schemes.choose({ storageClass, bucket }, choice);
    assert.ok(!isRefusal(kept));
    return kept;
  };
  return { store, schemes, choose };
}

test("schemes: the report says what is kept for each class, and what each scheme survives", async () => {
  const { schemes } = await openSchemes();
  const report = await schemes.report();
  assert.deepEqual(report.disks, { region: 1, zone: 3, row: 3, rack: 3, host: 3, disk: 18 });
  const standard = report.classes.find((one) => one.storageClass === storageClass)!;
  assert.deepEqual(
    [standard.atRest, standard.wished, standard.chosen],
    ["rs-8-4", "rs-10-4", null],
  );
  const eight = report.schemes.find(({ name }) => name === "rs-8-4")!;
  assert.ok(eight.keptFor.includes(storageClass));
  assert.equal(eight.survives, "any 1 of 3 zones, any 4 of 12 disks");
  assert.deepEqual([eight.overhead, eight.members, eight.repairReads.usual], [1.5, 12, 8]);
  assert.equal(report.schemes.find(({ name }) => name === "rs-20-4")?.survives, null);
  assert.deepEqual(report.buckets, []);
});

test("schemes: what is chosen for a class or a bucket is kept, reported, and taken back", async () => {
  const { store, schemes, choose } = await openSchemes();
  assert.equal((await choose(undefined, "rs-10-4")).atRest, "rs-10-4");
  const ofBucket = await choose(testBucket, "copies-2");
  assert.deepEqual(
    [ofBucket.bucket, ofBucket.chosen, ofBucket.write],
    [testBucket, "copies-2", { copies: 2, quorum: 2 }],
  );
  const { id } = ok(await getBucket(store, testBucket));
  assert.equal((await readExtentClass(store.keymap, storageClass, id)).bucketScheme, "copies-2");
  const report = await schemes.report();
  const standard = report.classes.find((one) => one.storageClass === storageClass);
  assert.equal(standard?.chosen, "rs-10-4");
  assert.deepEqual(report.buckets, [ofBucket]);
  // The bucket has what its class has again.
  const again: ClassReport = await choose(testBucket, undefined);
  assert.deepEqual([again.chosen, again.atRest], [null, "rs-10-4"]);
  assert.equal((await choose(undefined, undefined)).atRest, "rs-8-4");
  await choose(testBucket, "copies-3");
  ok(await deleteBucket(store, testBucket));
  assert.deepEqual((await schemes.report()).buckets, []);
});

test("schemes: a class, scheme or bucket that is not there is refused with what is", async () => {
  const { schemes } = await openSchemes();
  const refused = async (place: SchemePlace, scheme: string, isInline = false) => {
    const kept = await schemes.choose(place, { scheme, isInline });
    assert.ok(isRefusal(kept));
    return `${kept.refusal}: ${kept.message}`;
  };
  const place = { storageClass, bucket: undefined };
  assert.equal(
    await refused(place, "rs-8-5"),
    "invalid: there is no scheme rs-8-5 (did you mean rs-8-4?): see holdfast scheme list",
  );
  assert.match(
    await refused({ ...place, storageClass: "STANDART" }, "rs-8-4"),
    /^invalid: there is no storage class STANDART \(did you mean STANDARD\?\): classes are STANDARD,/,
  );
  assert.equal(
    await refused({ ...place, bucket: "other" }, "rs-8-4"),
    "notFound: there is no bucket other",
  );
  assert.match(await refused({ ...place, bucket: testBucket }, "rs-4-2", true), /without a bucket/);
  assert.match(await refused(place, "copies-3", true), /copies-3 is no code/);
});
