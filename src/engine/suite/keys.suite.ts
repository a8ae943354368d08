import assert from "node:assert/strict";
import { compareBytes } from "../../base/bytes.ts";
import type { BucketId, ChangeId, UploadId } from "../../format/ids.ts";
import { keyBytesMax } from "../../format/limits.ts";
import type { KeyRange } from "../../format/row-keys.ts";
import { garbageKey, headKey, objectKeyOfHead, parseRoutedKey } from "../../format/row-keys.ts";
import { partKey, routedRange, space, spaceRange } from "../../format/row-keys.ts";
import { uploadKey, versionKey } from "../../format/row-keys.ts";
import { readRow, scanRowsMax } from "../engine.ts";
import type { Bench } from "./rows.suite.ts";
import { idOfText } from "../../format/ids.ts";

const bucket = 7 as BucketId;
const upload = idOfText<UploadId>("ffffffffffffffffffffffffffffffff");
const change = idOfText<ChangeId>("00000000000000000000000000000000");

/** Object keys that differ where encodings go wrong: at NULs, at 0xff, at the longest length. */
function objectKeys(): Uint8Array[] {
  const keys = new Map<string, Uint8Array>();
  const add = (...arrays: Uint8Array[]): void => {
    const key = Uint8Array.from(arrays.flatMap((array) => [...array]));
    if (key.length > 0 && key.length <= keyBytesMax) keys.set(key.join(), key);
  };
  const run = (byte: number, count: number): Uint8Array => new Uint8Array(count).fill(byte);
  for (const byte of [0, 1, 0x20, 0x7f, 0x80, 0xfe, 0xff]) {
    for (const count of [1, 2, 99, 100, 101, 200, 255, 256, 1023, 1024]) {
      add(run(byte, count));
      add(run(0x61, 1), run(byte, count));
      add(run(byte, count), run(0x61, 1));
      add(run(byte, count), run(0xff, 1));
      add(run(byte, count), run(0, 1), run(0x61, 1));
    }
  }
  const alternating = Uint8Array.from({ length: keyBytesMax }, (_, index) => index % 2);
  add(alternating);
  add(alternating.subarray(1));
  return [...keys.values()].toSorted(compareBytes);
}

interface SpaceCase {
  readonly name: string;
  readonly range: KeyRange;
  readonly rowKey: (key: Uint8Array) => Uint8Array;
  readonly objectKey: (rowKey: Uint8Array) => Uint8Array;
}

const parsed = (rowKey: Uint8Array): Uint8Array => parseRoutedKey(rowKey).key;
const spaces: readonly SpaceCase[] = [
  {
    name: "heads",
    range: spaceRange(space.heads, bucket),
    rowKey: (key) => headKey(bucket, key),
    objectKey: objectKeyOfHead,
  },
  {
    name: "versions",
    range: spaceRange(space.versions, bucket),
    rowKey: (key) => versionKey(bucket, key, 0),
    objectKey: parsed,
  },
  {
    name: "uploads",
    range: spaceRange(space.uploads, bucket),
    rowKey: (key) => uploadKey(bucket, key, upload),
    objectKey: parsed,
  },
  {
    name: "parts",
    range: spaceRange(space.parts, bucket),
    rowKey: (key) => partKey(bucket, key, upload, 10_000),
    objectKey: parsed,
  },
  {
    name: "garbage",
    range: spaceRange(space.garbage, bucket),
    rowKey: (key) => garbageKey(bucket, key, change),
    objectKey: parsed,
  },
];

/** Every legal shape of key, in every space, comes back, alone and in order. */
export async function keysOfEveryShape({ engine, changes }: Bench): Promise<void> {
  const keys = objectKeys();
  for (const { rowKey } of spaces) {
    const puts = keys.map((key) => ({ key: rowKey(key), value: key }));
    assert.deepEqual(await engine.commit(changes.put(...puts)), { outcome: "ok" });
  }
  for (const { name, range, rowKey, objectKey } of spaces) {
    const rows = await engine.scan(range, { limit: scanRowsMax });
    assert.equal(rows.length, keys.length, name);
    for (const [index, row] of rows.entries()) {
      assert.deepEqual(objectKey(row.key), keys[index], name);
      assert.deepEqual(row.value, keys[index], name);
    }
    const backwards = await engine.scan(range, { limit: scanRowsMax, reverse: true });
    assert.deepEqual(backwards.reverse(), rows, name);
    for (const key of keys)
      assert.deepEqual((await readRow(engine, rowKey(key)))?.value, key, name);
  }
  for (const key of keys) {
    const rows = await engine.scan(routedRange(space.versions, bucket, key), { limit: 10 });
    assert.deepEqual(
      rows.map((row) => row.value),
      [key],
      "the versions of one key alone",
    );
  }
}
