import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { blockBytes, extentHeaderBytes } from "../format/limits.ts";
import { createHash } from "../node/platform/hash.ts";
import {
  bytesBelow,
  ContentDigester,
  type DigestQuestion,
  findDifferences,
} from "./digest-tree.ts";
import { payloadOf } from "./testing/test-store.ts";

const hash = createHash();

/** A member as its disk sees it: its bytes from the header on. */
class Copy {
  digests = 0;
  questions = 0;
  readonly #content: Uint8Array;

  constructor(content: Uint8Array) {
    this.#content = content;
  }

  answer(question: DigestQuestion): Promise<readonly number[]> {
    const { start, end } = bytesBelow(question);
    const digester = new ContentDigester(hash);
    digester.add(this.#content.subarray(start - extentHeaderBytes, end - extentHeaderBytes));
    const digests = digester.finish(question.level);
    this.digests += digests.length;
    this.questions++;
    return Promise.resolve(digests);
  }

  root(): number {
    const digester = new ContentDigester(hash);
    for (let at = 0; at < this.#content.length; at += 10_007) {
      digester.add(this.#content.subarray(at, at + 10_007));
    }
    return digester.root();
  }
}

function differences(length: number, copies: readonly Copy[]) {
  return findDifferences(extentHeaderBytes + length, copies, (copy, question) =>
    copy.answer(question),
  );
}

function blockAt(index: number, length: number) {
  const start = extentHeaderBytes + index * blockBytes;
  return { start, end: Math.min(extentHeaderBytes + length, start + blockBytes) };
}

test("digest tree: any one block that differs is found, by no more digests than the tree is high", async () => {
  const length = 300 * blockBytes + 5;
  const content = payloadOf(length);
  const good = new Copy(content);
  const goodRoot = good.root();
  for (const index of [0, 1, 15, 16, 17, 255, 256, 271, 299, 300]) {
    const flipped = content.slice();
    flipped[Math.min(length - 1, index * blockBytes + ((index * 7919) % blockBytes))]! ^= 1;
    const bad = new Copy(flipped);
    good.digests = 0;
    assert.notEqual(bad.root(), goodRoot);
    assert.deepEqual(await differences(length, [good, bad]), [blockAt(index, length)]);
    // Two nodes of 16 MiB, the 16 below one of them, and the 16 blocks below one of these.
    assert.ok(bad.digests <= 2 + 16 + 16, `${bad.digests} digests of four bytes`);
    assert.equal(bad.digests, good.digests);
    assert.equal(bad.questions, 4);
  }
});

test("digest tree: of copies that are the same the top alone is asked for", async () => {
  const length = 300 * blockBytes;
  const copies = [new Copy(payloadOf(length)), new Copy(payloadOf(length))];
  assert.deepEqual(await differences(length, copies), []);
  assert.equal(copies[0]!.digests, 2);
});

test("digest tree: one that ends too early differs from there on", async () => {
  const length = 40 * blockBytes + 100;
  const content = payloadOf(length);
  const short = new Copy(content.subarray(0, 20 * blockBytes + 1));
  const ranges = await differences(length, [new Copy(content), short, new Copy(content)]);
  const { start } = blockAt(20, length);
  assert.deepEqual(ranges, [{ start, end: extentHeaderBytes + length }]);
});

test("digest tree: finds the blocks that a plain comparison finds", async () => {
  const lengths = fc.integer({ min: 1, max: 40 * blockBytes });
  const flips = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(lengths, flips, async (length, places) => {
      const content = payloadOf(length);
      const other = content.slice();
      for (const place of places) other[Math.floor(place * length)]! ^= 0x40;
      const found = await differences(length, [new Copy(content), new Copy(other)]);
      for (let at = 0; at < length; at += blockBytes) {
        const { start, end } = blockAt(at / blockBytes, length);
        const isSame =
          hash.crc32(content.subarray(at, at + blockBytes)) ===
          hash.crc32(other.subarray(at, at + blockBytes));
        const isFound = found.some((range) => range.start <= start && end <= range.end);
        assert.equal(isFound, !isSame);
      }
    }),
    { numRuns: 30 },
  );
});
