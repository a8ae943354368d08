import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes, encodeUtf8, toHex } from "../../base/bytes.ts";
import type { HashAlgorithm } from "../../platform/hash.ts";
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
  [
    "sha512",
    "abc",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  ],
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

/**
 * The bytes that xxHash's own tests digest: the highest of each power of a prime, times another.
 */
function xxhBytes(length: number): Uint8Array {
  let state = 2_654_435_761n;
  return Uint8Array.from({ length }, () => {
    const byte = Number(state >> 56n);
    state = BigInt.asUintN(64, state * 11_400_714_785_074_694_797n);
    return byte;
  });
}

// By the reference implementation (github.com/Cyan4973/xxHash, 0.8.2), whose own tests have some of
// them too: the lengths on both sides of every case that the specification distinguishes.
const knownXxh: readonly [length: number, xxh64: string, xxh3: string, xxh128: string][] = [
  [0, "ef46db3751d8e999", "2d06800538d394c2", "99aa06d3014798d86001c324468d497f"],
  [1, "e934a84adb052768", "c44bdff4074eecdb", "a6cd5e9392000f6ac44bdff4074eecdb"],
  [3, "ff7e1959cb50794a", "54247382a8d6b94d", "20efc49ff02422ea54247382a8d6b94d"],
  [4, "9136a0dca57457ee", "e5dc74bc51848a51", "970d585ac632bf8e2e7d8d6876a39fe9"],
  [8, "cdbcf538e71d1348", "24ccc9acaa9f65e4", "47a7f080d82bb45664c69cab4bb21dc5"],
  [9, "554b1ae991eda6b6", "14d5001c15dd3f2b", "564ef6078950d457ed7ccbc501eb7501"],
  [16, "98c90b57fdfcb55c", "981b17d36c7498c9", "c68c368ecf8a9c05562980258a998629"],
  [17, "0d39a2d051a30c2c", "796f5acd3a60f862", "955fa78643ed3669abbc12d11973d7db"],
  [128, "90ca021457d96dc5", "fcff24126754d861", "39992220e045260aebb15e34a7fb5ab1"],
  [129, "41c280132d697aba", "98f1b0a679a2ca29", "03815fc91f1b30b686c9e3bc8f0a3b5c"],
  [240, "b81838d483baee53", "81c3c2b67f568ccf", "aa4202daa2769dc85c9aae94c8ebe5a0"],
  [241, "95d76c8b4d8fc4d6", "c5a639ecd2030e5e", "99a80ecf0ecfc647c5a639ecd2030e5e"],
  [2240, "a4edb3c85b99b1d9", "6e73a90539cf2948", "ccb134fbfa7ce49d6e73a90539cf2948"],
];

test("xxHash: the published values, at once and byte by byte", () => {
  for (const [length, xxhash64, xxhash3, xxhash128] of knownXxh) {
    const bytes = xxhBytes(length);
    for (const [algorithm, digest] of Object.entries({ xxhash64, xxhash3, xxhash128 })) {
      const name = algorithm as HashAlgorithm; // the keys just above
      assert.equal(toHex(hash.digest(name, bytes)), digest, `${algorithm} of ${length}`);
      const hasher = hash.create(name);
      for (const byte of bytes) hasher.update(new Uint8Array([byte]));
      assert.equal(toHex(hasher.digest()), digest, `${algorithm} of ${length}, byte by byte`);
    }
  }
});

test("xxHash: every length up to 2,400 as the reference implementation has it", () => {
  const bytes = xxhBytes(2400);
  const digestOfAll = (algorithm: HashAlgorithm): string => {
    const digests = Array.from({ length: 2401 }, (_, length) =>
      hash.digest(algorithm, bytes.subarray(0, length)),
    );
    return toHex(hash.digest(algorithm, concatBytes(digests)));
  };
  assert.equal(digestOfAll("xxhash64"), "1f89366a29f37771");
  assert.equal(digestOfAll("xxhash3"), "39d80e8c1d349f86");
  assert.equal(digestOfAll("xxhash128"), "ff4066e03edab61e52e3dc80db01d02e");
});

test("hmacSha1 gives the second test case of RFC 2202", () => {
  const mac = hash.hmacSha1(encodeUtf8("Jefe"), encodeUtf8("what do ya want for nothing?"));
  assert.equal(toHex(mac), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
});

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

test("the MAC of a text is the same by hand and by OpenSSL, whatever the lengths", () => {
  for (const keyBytes of [0, 1, 32, 63, 64, 65, 200]) {
    for (const textBytes of [0, 1, 140, 1023, 1024, 1025, 5000, 3]) {
      const key = Uint8Array.from({ length: keyBytes }, (_, i) => i * 7 + textBytes);
      const bytes = Uint8Array.from({ length: textBytes }, (_, i) => i * 11 + keyBytes);
      const text = String.fromCharCode(...bytes);
      assert.equal(hash.hmacSha256Text(key, text), toHex(hash.hmacSha256(key, bytes)));
    }
  }
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
