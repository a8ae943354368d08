import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseIndex, type KeySpace, keyOf, keyPatterns, sizeOf } from "./key-space.ts";
import { choose, parseShares, parseSize } from "./shares.ts";

const space: KeySpace = {
  count: 1000,
  pattern: "sequential",
  prefix: "p/",
  sizes: [[4096, 1]],
  seed: 3,
};

test("keys: each pattern gives every object a key of its own, under the prefix", () => {
  for (const pattern of keyPatterns) {
    const keys = Array.from({ length: space.count }, (_, i) => keyOf({ ...space, pattern }, i));
    assert.equal(new Set(keys).size, space.count, pattern);
    assert.ok(keys.every((key) => key.startsWith("p/")));
    const inOrder = keys.every((key, i) => i === 0 || key > keys[i - 1]!);
    assert.equal(inOrder, pattern !== "random" && pattern !== "hashed", pattern);
  }
  assert.equal(keyOf({ ...space, pattern: "date" }, 61), "p/2026/01/01/01/0000000061");
});

test("sizes: a mix has about its shares, and an object always has the same size", () => {
  const mixed = { ...space, sizes: parseShares("4KiB:80,1MiB:20", parseSize) };
  const sizes = Array.from({ length: 10_000 }, (_, i) => sizeOf(mixed, i));
  const small = sizes.filter((size) => size === 4096).length;
  assert.ok(small > 7800 && small < 8200, `${small} of 10,000 for 80 %`);
  assert.deepEqual(new Set(sizes), new Set([4096, 1024 * 1024]));
  assert.equal(sizeOf(mixed, 77), sizes[77]);
});

test("choice: uniform reads reach all objects alike", () => {
  const seen = new Map<number, number>();
  for (let i = 0; i < 1000; i++) {
    const index = chooseIndex({ kind: "uniform" }, 10, i / 1000);
    seen.set(index, (seen.get(index) ?? 0) + 1);
  }
  assert.deepEqual(
    [...seen.values()],
    Array.from({ length: 10 }, () => 100),
  );
});

test("choice: skewed reads prefer few objects, more so with more skew, and stay within", () => {
  const draws = 20_000;
  const topShare = (skew: number): number => {
    const seen = new Map<number, number>();
    for (let i = 0; i < draws; i++) {
      const index = chooseIndex({ kind: "zipf", skew }, 1000, i / draws);
      assert.ok(index >= 0 && index < 1000);
      seen.set(index, (seen.get(index) ?? 0) + 1);
    }
    const counts = [...seen.values()].toSorted((a, b) => b - a);
    return counts.slice(0, 10).reduce((sum, count) => sum + count, 0) / draws;
  };
  const shares = [0.5, 0.99, 1, 1.3].map(topShare);
  assert.deepEqual(
    shares,
    shares.toSorted((a, b) => a - b),
  );
  // Zipf's ten first of a thousand have 39 % at skew 1; the continuous form 35 %.
  assert.ok(Math.abs(shares[2]! - Math.log(11) / Math.log(1001)) < 0.01, `${shares[2]}`);
});

test("shares: what is written is what is chosen; nonsense is refused with a reason", () => {
  const shares = parseShares("a:1,b:3", (name) => name);
  assert.deepEqual(
    [0, 0.24, 0.25, 0.99].map((point) => choose(shares, point)),
    ["a", "a", "b", "b"],
  );
  assert.deepEqual(
    parseShares("a", (name) => name),
    [["a", 1]],
  );
  assert.throws(() => parseShares("a:x", (name) => name), /weight/);
  assert.throws(() => parseShares("a:0", (name) => name), /no choice/);
  assert.equal(parseSize("64 MiB"), 64 * 1024 ** 2);
  assert.equal(parseSize("1.5kb"), 1500);
  for (const wrong of ["", "4 parsecs", "-1", "0.3"])
    assert.throws(() => parseSize(wrong), /no size/);
});
