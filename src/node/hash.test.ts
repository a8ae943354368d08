import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8, toHex } from "../base/bytes.ts";
import type { HashAlgorithm } from "../platform/hash.ts";
import { createHash } from "./hash.ts";

const hash = createHash();

// The check values of the CRC catalogue (reveng.sourceforge.io) and of the digests' own standards.
const known: readonly [HashAlgorithm, string, string][] = [
  ["crc32", "123456789", "cbf43926"],
  ["crc32c", "123456789", "e3069283"],
  ["crc64nvme", "123456789", "ae8b14860a799888"],
  ["crc32", "", "00000000"],
  ["crc32c", "", "00000000"],
  ["crc64nvme", "", "0000000000000000"],
  ["md5", "abc", "900150983cd24fb0d6963f7d28e17f72"],
  ["sha1", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"],
  ["sha256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
];

for (const [algorithm, text, digest] of known) {
  test(`${algorithm} of ${JSON.stringify(text)} is the published value, at once and by pieces`, () => {
    const bytes = encodeUtf8(text);
    assert.equal(toHex(hash.digest(algorithm, bytes)), digest);
    const hasher = hash.create(algorithm);
    for (const byte of bytes) hasher.update(new Uint8Array([byte]));
    assert.equal(toHex(hasher.digest()), digest);
  });
}

test("hmacSha256 gives the second test case of RFC 4231", () => {
  const mac = hash.hmacSha256(encodeUtf8("Jefe"), encodeUtf8("what do ya want for nothing?"));
  assert.equal(toHex(mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
});

test("texts are digested as the bytes their characters stand for", () => {
  const text = "GET /caf\u00e9\xff\0";
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  assert.equal(hash.sha256Text(text), toHex(hash.digest("sha256", bytes)));
  const key = encodeUtf8("Jefe");
  assert.equal(hash.hmacSha256Text(key, text), toHex(hash.hmacSha256(key, bytes)));
});

test("crc32 continues an earlier one", () => {
  const [first, second] = [encodeUtf8("1234"), encodeUtf8("56789")];
  assert.equal(hash.crc32(second, hash.crc32(first)), 0xcbf43926);
});

test("digests are plain Uint8Arrays", () => {
  for (const algorithm of ["md5", "crc32", "crc64nvme"] as const) {
    assert.equal(
      Object.getPrototypeOf(hash.digest(algorithm, encodeUtf8("x"))),
      Uint8Array.prototype,
    );
  }
});
