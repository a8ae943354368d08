import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { encodeUtf8, noBytes, toHex } from "../base/bytes.ts";
import type { Hash } from "../platform/hash.ts";
import type { ChangeId } from "./ids.ts";
import { openRow, envelopeRow, stampOfRow } from "./row-envelope.ts";
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
  const enveloped = envelopeRow(hash, key, stamp, value);
  const text = `${toHex(enveloped)}\n`;
  if (process.env["HOLDFAST_WRITE_GOLDEN"] === "1") writeFileSync(path, text);
  assert.equal(text, readFileSync(path, "utf8"));
  assert.deepEqual(openRow(hash, key, enveloped), { stamp, value });
  assert.equal(stampOfRow(enveloped), stamp);
});

test("row envelope: an empty value has one, too", () => {
  const enveloped = envelopeRow(hash, key, stamp, noBytes);
  assert.deepEqual(openRow(hash, key, enveloped), { stamp, value: noBytes });
});

test("C4: row envelope: any flipped bit, any cut and another key are corrupt", () => {
  const enveloped = envelopeRow(hash, key, stamp, value);
  const corrupt = { name: "StoreError", code: "corrupt" };
  for (let bit = 0; bit < enveloped.length * 8; bit++) {
    const flipped = enveloped.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    if (flipped[0]! > 1) continue; // a newer version is refused by its number
    assert.throws(() => openRow(hash, key, flipped), corrupt, `bit ${bit}`);
  }
  for (let length = 0; length < enveloped.length; length++) {
    assert.throws(() => openRow(hash, key, enveloped.subarray(0, length)), corrupt);
  }
  assert.throws(() => openRow(hash, encodeUtf8("row kez"), enveloped), corrupt);
});

test("row envelope: a newer version is refused with the fix named", () => {
  const enveloped = envelopeRow(hash, key, stamp, value);
  enveloped[0] = 2;
  assert.throws(() => openRow(hash, key, enveloped), {
    code: "unsupported_format",
    message: /newer version of Holdfast/,
  });
});
