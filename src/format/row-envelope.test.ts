import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { encodeUtf8, noBytes, toHex } from "../base/bytes.ts";
import type { Hash } from "../platform/hash.ts";
import type { ChangeId } from "./ids.ts";
import { openRow, sealRow, stampOfRow } from "./row-envelope.ts";
import { idOfText } from "./ids.ts";

// Only crc32 is asked of it here.
const hash = {
  crc32: (bytes: Uint8Array, previous = 0) => crc32(bytes, previous),
} as unknown as Hash;
const key = encodeUtf8("row key");
const stamp = idOfText<ChangeId>("00112233445566778899aabbccddeeff");
const value = encodeUtf8("the row's value");

test("row envelope: equals the golden bytes, which open to stamp and value", () => {
  const path = join(import.meta.dirname, "../../testdata/format/row-envelope.v1.hex");
  const sealed = sealRow(hash, key, stamp, value);
  const text = `${toHex(sealed)}\n`;
  if (process.env["HOLDFAST_WRITE_GOLDEN"] === "1") writeFileSync(path, text);
  assert.equal(text, readFileSync(path, "utf8"));
  assert.deepEqual(openRow(hash, key, sealed), { stamp, value });
  assert.equal(stampOfRow(sealed), stamp);
});

test("row envelope: an empty value has one, too", () => {
  const sealed = sealRow(hash, key, stamp, noBytes);
  assert.deepEqual(openRow(hash, key, sealed), { stamp, value: noBytes });
});

test("C4: row envelope: any flipped bit, any cut and another key are corrupt", () => {
  const sealed = sealRow(hash, key, stamp, value);
  const corrupt = { name: "StoreError", code: "corrupt" };
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const flipped = sealed.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    if (flipped[0]! > 1) continue; // a newer version is refused by its number
    assert.throws(() => openRow(hash, key, flipped), corrupt, `bit ${bit}`);
  }
  for (let length = 0; length < sealed.length; length++) {
    assert.throws(() => openRow(hash, key, sealed.subarray(0, length)), corrupt);
  }
  assert.throws(() => openRow(hash, encodeUtf8("row kez"), sealed), corrupt);
});

test("row envelope: a newer version is refused with the fix named", () => {
  const sealed = sealRow(hash, key, stamp, value);
  sealed[0] = 2;
  assert.throws(() => openRow(hash, key, sealed), {
    code: "unsupported_format",
    message: /newer version of Holdfast/,
  });
});
