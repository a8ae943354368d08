import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { HashAlgorithm } from "../../platform/hash.ts";
import { createHash } from "./hash.ts";
import { kernelBytes, KernelMemory, windowBytes } from "./kernel-memory.ts";

const elsewhere = createHash();
const algorithms: readonly HashAlgorithm[] = [
  "md5",
  "crc32",
  "crc32c",
  "crc64nvme",
  "xxhash64",
  "xxhash3",
  "xxhash128",
];

test("kernel memory: bytes in it, wherever they begin, hash to what they hash to elsewhere", () => {
  const memory = KernelMemory.create(kernelBytes + 4 * windowBytes);
  const hash = createHash(memory);
  const inside = memory.allocate(3 * windowBytes);
  const outside = Uint8Array.from(inside, (_, i) => (i * i) >> 7);
  memory.copy(outside, inside, 0);
  const place = fc.nat(inside.length);
  const cut = fc.tuple(place, place, fc.nat(windowBytes));
  fc.assert(
    fc.property(cut, fc.constantFrom(...algorithms), ([a, b, blockBytes], name) => {
      const [start, end] = [Math.min(a, b), Math.max(a, b)];
      assert.deepEqual(
        hash.digest(name, inside.subarray(start, end)),
        elsewhere.digest(name, outside.subarray(start, end)),
      );
      const blockEnd = Math.min(start + blockBytes, inside.length);
      assert.equal(
        hash.blockChecksum(inside.subarray(start, blockEnd)),
        elsewhere.blockChecksum(outside.subarray(start, blockEnd)),
      );
    }),
  );
  assert.deepEqual(new Uint8Array(inside), outside, "nothing was written over it");
});

test("kernel memory: allocations do not overlap and begin at a page; what is given back is used again", () => {
  const memory = KernelMemory.create(kernelBytes);
  const [a, b] = [memory.allocate(5000), memory.allocate(5000)];
  const places = [memory.placeOf(a)!, memory.placeOf(b)!];
  assert.ok(places[1]! >= places[0]! + 5000);
  assert.deepEqual(
    places.map((at) => at % 4096),
    [0, 0],
  );
  memory.free(a);
  assert.equal(memory.placeOf(memory.allocate(4000)) === places[0], false, "of another size");
  assert.equal(memory.placeOf(memory.allocate(5000)), places[0]);
});

test("C6: kernel memory: once it is used up, what is allocated lies elsewhere", () => {
  const memory = KernelMemory.create(kernelBytes);
  const all = Array.from({ length: 16 }, () => memory.allocate(windowBytes));
  const inside = all.filter((bytes) => memory.placeOf(bytes) !== undefined);
  assert.ok(inside.length < all.length);
  assert.equal(all.at(-1)!.length, windowBytes);
  memory.free(all.at(-1)!);
  assert.equal(
    memory.placeOf(memory.allocate(windowBytes)),
    undefined,
    "it is not taken for its own",
  );
  assert.throws(() => memory.reserve(windowBytes));
});
