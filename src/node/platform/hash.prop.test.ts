import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concatBytes, toHex } from "../../base/bytes.ts";
import type { CrcAlgorithm, HashAlgorithm, XxhAlgorithm } from "../../platform/hash.ts";
import { createHash } from "./hash.ts";

const hash = createHash();
const crcs: readonly CrcAlgorithm[] = ["crc32", "crc32c", "crc64nvme"];
const xxhs: readonly XxhAlgorithm[] = ["xxhash64", "xxhash3", "xxhash128"];
const kernels = [...crcs, ...xxhs];
const all: readonly HashAlgorithm[] = [...kernels, "md5", "sha1", "sha256", "sha512"];
const bytes = fc.uint8Array({ maxLength: 200 });

/** One bit at a time, as the definition says. */
function naiveCrc(algorithm: CrcAlgorithm, input: Uint8Array): string {
  const [width, polynomial] = definitions[algorithm];
  const ones = (1n << BigInt(width)) - 1n;
  let state = ones;
  for (const byte of input) {
    state ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) {
      state = state & 1n ? (state >> 1n) ^ polynomial : state >> 1n;
    }
  }
  return (state ^ ones).toString(16).padStart(width / 4, "0");
}

const definitions: Readonly<Record<CrcAlgorithm, readonly [number, bigint]>> = {
  crc32: [32, 0xedb88320n],
  crc32c: [32, 0x82f63b78n],
  crc64nvme: [64, 0x9a6c9329ac4bc9b5n],
};

test("every CRC is what its definition says", () => {
  fc.assert(
    fc.property(fc.constantFrom(...crcs), bytes, (algorithm, input) => {
      assert.equal(toHex(hash.digest(algorithm, input)), naiveCrc(algorithm, input));
    }),
  );
});

test("every CRC of a long input is what its definition says, on both sides of the kernel's limits", () => {
  const long = Uint8Array.from({ length: 40_000 }, (_, i) => (i * i) >> 7);
  const lengths = [25_599, 25_600, 25_601, 25_663, 25_664, 32_767, 40_000];
  for (const algorithm of crcs) {
    for (const length of lengths) {
      const input = long.subarray(0, length);
      assert.equal(toHex(hash.digest(algorithm, input)), naiveCrc(algorithm, input), `${length}`);
    }
  }
});

test("every digest is the same by pieces as at once", () => {
  fc.assert(
    fc.property(fc.constantFrom(...all), fc.array(bytes), (algorithm, pieces) => {
      const hasher = hash.create(algorithm);
      for (const piece of pieces) hasher.update(piece);
      assert.deepEqual(hasher.digest(), hash.digest(algorithm, concatBytes(pieces)));
    }),
  );
});

test("inputs longer than the kernel's window, at any alignment, are the same by pieces as at once", () => {
  const long = Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) >> 7);
  const cut = fc.nat(long.length);
  fc.assert(
    fc.property(fc.constantFrom(...kernels), cut, cut, fc.nat(17), (algorithm, a, b, start) => {
      const [first, second] = a < b ? [a, b] : [b, a];
      const hasher = hash.create(algorithm);
      hasher.update(long.subarray(start, start + first));
      hasher.update(long.subarray(start + first, start + second));
      hasher.update(long.subarray(start + second));
      assert.deepEqual(hasher.digest(), hash.digest(algorithm, long.subarray(start)));
    }),
    { numRuns: 60 },
  );
});

test("hashers at work at the same time do not disturb each other", () => {
  fc.assert(
    fc.property(fc.constantFrom(...all), fc.array(fc.tuple(bytes, bytes)), (algorithm, pairs) => {
      const [one, other] = [hash.create(algorithm), hash.create(algorithm)];
      for (const [a, b] of pairs) {
        one.update(a);
        other.update(b);
      }
      const whole = (side: 0 | 1) => concatBytes(pairs.map((pair) => pair[side]));
      assert.deepEqual(one.digest(), hash.digest(algorithm, whole(0)));
      assert.deepEqual(other.digest(), hash.digest(algorithm, whole(1)));
    }),
  );
});

test("combineCrc of two parts is the CRC of the whole", () => {
  fc.assert(
    fc.property(fc.constantFrom(...crcs), bytes, bytes, (algorithm, a, b) => {
      const [first, second] = [hash.digest(algorithm, a), hash.digest(algorithm, b)];
      const combined = hash.combineCrc(algorithm, first, second, b.length);
      assert.deepEqual(combined, hash.digest(algorithm, concatBytes([a, b])));
    }),
  );
});

test("combineCrc takes lengths beyond 32 bits: five tebibytes are five times one", () => {
  const tebibyte = 2 ** 40;
  for (const algorithm of crcs) {
    const part = hash.digest(algorithm, new Uint8Array([1, 2, 3]));
    const combine = (a: Uint8Array, b: Uint8Array, length: number) =>
      hash.combineCrc(algorithm, a, b, length);
    let right = part;
    for (let parts = 1; parts < 5; parts++) right = combine(part, right, parts * tebibyte);
    let left = part;
    for (let parts = 1; parts < 5; parts++) left = combine(left, part, tebibyte);
    assert.deepEqual(left, right);
  }
});
