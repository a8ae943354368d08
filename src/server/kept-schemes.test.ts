import assert from "node:assert/strict";
import { test } from "node:test";
import { isRefusal } from "../base/refusal.ts";
import { createLossCheck } from "../erasure/losses.ts";
import type { Scheme } from "../format/extent-row.ts";
import { bucketKey } from "../format/row-keys.ts";
import { changeChosenScheme } from "../keymap/chosen-schemes.ts";
import { createHash } from "../node/platform/hash.ts";
import { bucketOf } from "../object/testing/bodies.ts";
import { createTestStore, key, testBucket } from "../object/testing/test-store.ts";
import { testDisk } from "../placement/testing/disks.ts";
import { createTopology } from "../placement/topology.ts";
import { KeptSchemes } from "./kept-schemes.ts";

const topologyOf = (disks: number) =>
  createTopology(Array.from({ length: disks }, (_, i) => testDisk(i, "")));

const nameOf = (scheme: Scheme): string =>
  scheme.kind === "coded" ? `${scheme.code}-${scheme.data}-${scheme.parity}` : "copies";

async function keptSchemes() {
  const store = await createTestStore(createHash());
  const { id } = await bucketOf(store);
  const bucket = { id, key: bucketKey(key(testBucket)) };
  const choose = async (
    scheme: string | undefined,
    ofBucket = false,
    storageClass = "STANDARD",
  ) => {
    const row = scheme === undefined ? undefined : { scheme, isInline: false, chosenMs: 1 };
    const place = { storageClass, bucket: ofBucket ? bucket : undefined };
    assert.ok(!isRefusal(await changeChosenScheme(store.keymap, place, row)));
  };
  const kept = new KeptSchemes({ keymap: store.keymap, canLose: createLossCheck() });
  const of = async (storageClass: string, bucketScheme?: string, disks = 24) => {
    const found = await kept.of({ storageClass, bucketScheme }, topologyOf(disks));
    const words = [found.isWished ? "wished" : "", found.isLeft ? "left" : ""];
    return [nameOf(found.scheme), ...words.filter((word) => word !== "")].join(" ");
  };
  return { choose, of };
}

test("kept schemes: hot, warm and cold classes have their codes, narrower ones on fewer disks", async () => {
  const { of } = await keptSchemes();
  const classes = ["INTELLIGENT_TIERING", "STANDARD", "GLACIER_IR"];
  assert.deepEqual(await Promise.all(classes.map((name) => of(name))), [
    "lrc-12-4 wished",
    "rs-10-4 wished",
    "rs-20-4 wished",
  ]);
  assert.deepEqual(await Promise.all(classes.map((name) => of(name, undefined, 14))), [
    "rs-8-4",
    "rs-10-4 wished",
    "rs-10-4",
  ]);
});

test("kept schemes: a choice for a class is its extents', one for a bucket those of its own", async () => {
  const { choose, of } = await keptSchemes();
  await choose("rs-8-4");
  await choose("rs-4-2", true);
  assert.deepEqual(
    [await of("STANDARD"), await of("STANDARD", "rs-4-2"), await of("GLACIER_IR")],
    ["rs-8-4 wished", "rs-4-2 wished", "rs-20-4 wished"],
  );
  await choose("copies-3");
  assert.equal(await of("STANDARD"), "copies wished");
});

test("kept schemes: extents of a choice that no bucket has any more are left", async () => {
  const { choose, of } = await keptSchemes();
  await choose("rs-4-2", true);
  assert.deepEqual(
    [await of("STANDARD", "rs-4-2"), await of("GLACIER_IR", "rs-4-2")],
    ["rs-4-2 wished", "rs-4-2 wished left"],
  );
  await choose(undefined, true);
  assert.equal(await of("STANDARD", "rs-4-2"), "rs-4-2 wished left");
});
