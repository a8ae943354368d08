import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { compareBytes, encodeUtf8, toHex } from "../base/bytes.ts";
import * as ids from "./ids.ts";
import { idOfText, noId } from "./ids.ts";
import { keyBytesMax, rowKeyBytesMax } from "./limits.ts";
import * as rowKeys from "./row-keys.ts";

const bucket = 7 as ids.BucketId;
const key = encodeUtf8("a/ä\0\0b\0");
const upload = idOfText<ids.UploadId>("0123456789abcdef0123456789abcdef");
const change = idOfText<ids.ChangeId>("fedcba9876543210fedcba9876543210");

const goldens: Readonly<Record<string, Uint8Array>> = {
  store: rowKeys.storeKey(),
  counter: rowKeys.counterKey("extents"),
  lease: rowKeys.leaseKey(3 as ids.SessionId),
  bucket: rowKeys.bucketKey(encodeUtf8("my-bucket")),
  extent: rowKeys.extentKey(0x1234567890 as ids.ExtentId),
  partition: rowKeys.partitionKey(1 as ids.PartitionId),
  drain: rowKeys.drainKey(1 as ids.PartitionId),
  disk: rowKeys.diskKey(ids.idOfBytes(new Uint8Array(16).fill(0xd1))),
  accessKey: rowKeys.accessKeyKey(encodeUtf8("AKIAEXAMPLE")),
  owner: rowKeys.ownerKey(encodeUtf8("alice")),
  bucketConfiguration: rowKeys.bucketConfigurationKey(7 as ids.BucketId, "tagging"),
  chosenScheme: rowKeys.chosenSchemeKey({ storageClass: "STANDARD", bucket }),
  workOrder: rowKeys.workOrderKey({ task: "repair", disk: undefined }),
  partitionSelf: rowKeys.partitionSelfKey(),
  session: rowKeys.sessionKey(3 as ids.SessionId),
  bucketFence: rowKeys.bucketFenceKey(bucket),
  garbageBatch: rowKeys.garbageBatchKey(258),
  head: rowKeys.headKey(bucket, key),
  version: rowKeys.versionKey(bucket, key, 1_800_000_000_000_000),
  upload: rowKeys.uploadKey(bucket, key, upload),
  part: rowKeys.partKey(bucket, key, upload, 10_000),
  garbage: rowKeys.garbageKey(bucket, key, change),
  partitionPrefix: rowKeys.partitionPrefix(0x01020304 as ids.PartitionId),
};

test("row keys: equal the golden bytes", () => {
  const path = join(import.meta.dirname, "../../testdata/format/row-keys.v1.txt");
  const now = Object.entries(goldens).map(([name, bytes]) => `${name} ${toHex(bytes)}\n`);
  if (process.env["HOLDFAST_WRITE_GOLDEN"] === "1") writeFileSync(path, now.join(""));
  assert.equal(now.join(""), readFileSync(path, "utf8"));
});

test("row keys: each begins with its space, and no two are equal", () => {
  const spaces: readonly number[] = Object.values(rowKeys.space);
  assert.equal(new Set(spaces).size, spaces.length);
  const seen = Object.values(goldens).map((bytes) => bytes[0]);
  assert.ok(seen.every((byte) => byte !== undefined && spaces.includes(byte)));
  assert.equal(new Set(seen).size, seen.length);
});

test("row keys: the key of a chosen scheme says for which class, and for which bucket if for one", () => {
  const names = new Map([[bucket, "photos"]]);
  for (const [place, name] of [
    [{ storageClass: "STANDARD", bucket }, "scheme chosen for STANDARD of photos"],
    [{ storageClass: "GLACIER_IR", bucket: undefined }, "scheme chosen for GLACIER_IR"],
  ] as const) {
    const key = rowKeys.chosenSchemeKey(place);
    assert.deepEqual(rowKeys.parseChosenSchemeKey(key), place);
    assert.equal(rowKeys.nameOfRow(key, names), name);
  }
});

test("row keys: the key of a work order says for which task, and for which disk if for one", () => {
  const disk = idOfText<ids.DiskId>("0123456789abcdef0123456789abcdef");
  for (const place of [
    { task: "repair", disk: undefined },
    { task: "scrub", disk: undefined },
    { task: "scrub", disk },
  ] as const) {
    assert.deepEqual(rowKeys.parseWorkOrderKey(rowKeys.workOrderKey(place)), place);
  }
  const unknown = rowKeys.workOrderKey({ task: "scrub", disk });
  unknown[1] = 9;
  assert.throws(() => rowKeys.parseWorkOrderKey(unknown), /no task 9/);
});

test("row keys: the key of a configuration says which it is, of which bucket", () => {
  const place = { bucket: 7 as ids.BucketId, name: "tagging" };
  const key = rowKeys.bucketConfigurationKey(place.bucket, place.name);
  assert.deepEqual(rowKeys.parseBucketConfigurationKey(key), place);
  const names = new Map([[place.bucket, "photos"]]);
  assert.equal(rowKeys.nameOfRow(key, names), "tagging configuration of photos");
  assert.equal(rowKeys.nameOfRow(key), "tagging configuration of bucket 7");
});

test("row keys: behind the prefix of a partition stands the row key", () => {
  for (const [name, rowKey] of Object.entries(goldens)) {
    if (name === "partitionPrefix") continue;
    const stored = rowKeys.storedKey(7 as ids.PartitionId, rowKey);
    assert.deepEqual(rowKeys.rowKeyOf(stored), rowKey);
    assert.equal(rowKeys.rowKeyOf(rowKey), rowKey);
  }
});

const worst: readonly (readonly [string, Uint8Array])[] = [
  ["NULs", new Uint8Array(keyBytesMax)],
  ["0xff", new Uint8Array(keyBytesMax).fill(0xff)],
  ["NUL, other, NUL, other", Uint8Array.from({ length: keyBytesMax }, (_, i) => i % 2)],
  ["other, NUL, other, NUL", Uint8Array.from({ length: keyBytesMax }, (_, i) => 1 - (i % 2))],
  ["two NULs, other", Uint8Array.from({ length: keyBytesMax }, (_, i) => (i % 3 === 2 ? 1 : 0))],
];
for (const [name, longest] of worst) {
  test(`row keys: a key of ${keyBytesMax} bytes (${name}) fits in every space`, () => {
    const highBucket = Number.MAX_SAFE_INTEGER as ids.BucketId;
    const routed = [
      rowKeys.versionKey(highBucket, longest, 0),
      rowKeys.uploadKey(highBucket, longest, upload),
      rowKeys.partKey(highBucket, longest, upload, 10_000),
      rowKeys.garbageKey(highBucket, longest, change),
    ];
    const head = rowKeys.headKey(highBucket, longest);
    for (const rowKey of [head, ...routed]) {
      assert.ok(rowKey.length <= rowKeyBytesMax, `${rowKey.length} bytes`);
    }
    assert.deepEqual(rowKeys.objectKeyOfHead(head), longest);
    for (const rowKey of routed) {
      const parsed = rowKeys.parseRoutedKey(rowKey);
      assert.deepEqual([parsed.bucket, parsed.key], [highBucket, longest]);
    }
  });
}

function contains(range: rowKeys.KeyRange, rowKey: Uint8Array): boolean {
  return compareBytes(range.start, rowKey) <= 0 && compareBytes(rowKey, range.end) < 0;
}

test("row keys: the range of a key holds its rows and none of its neighbours'", () => {
  const neighbours = ["a", "a\0", "a\0\0", "a\0b", "a\x01", "aa", "b", ""].map(encodeUtf8);
  for (const own of neighbours) {
    const range = rowKeys.routedRange(rowKeys.space.versions, bucket, own);
    for (const other of neighbours) {
      for (const order of [0, 5, Number.MAX_SAFE_INTEGER]) {
        const inside = contains(range, rowKeys.versionKey(bucket, other, order));
        assert.equal(inside, other === own, `${toHex(other)} in ${toHex(own)}`);
      }
    }
  }
  const parts = rowKeys.partsRange(bucket, key, upload);
  for (const part of [0, 1, 255, 256, 10_000, 65_535]) {
    assert.ok(contains(parts, rowKeys.partKey(bucket, key, upload, part)));
  }
  const otherUpload = idOfText<ids.UploadId>("0123456789abcdef0123456789abcdee");
  assert.ok(!contains(parts, rowKeys.partKey(bucket, key, otherUpload, 1)));
});

test("row keys: newer versions come first, parts by number, ids read back", () => {
  const orders = [Number.MAX_SAFE_INTEGER, 1_800_000_000_000_000, 256, 255, 1, 0];
  const versions = orders.map((order) => rowKeys.versionKey(bucket, key, order));
  assert.deepEqual(versions.toSorted(compareBytes), versions);
  const read = versions.map((each) => rowKeys.versionOrderOf(rowKeys.parseRoutedKey(each).rest));
  assert.deepEqual(read, orders);
  const parts = [0, 1, 9, 10, 255, 256, 10_000].map((part) =>
    rowKeys.partKey(bucket, key, noId, part),
  );
  assert.deepEqual(parts.toSorted(compareBytes), parts);
  assert.equal(rowKeys.idOfKey(rowKeys.extentKey(0x1234567890 as ids.ExtentId)), 0x1234567890);
});
