import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concatBytes } from "../base/bytes.ts";
import { StoreError } from "../base/errors.ts";
import type { ExtentId } from "../format/ids.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import { createHash } from "../node/platform/hash.ts";
import { identityOf, payloadOf, TestStore, standardExtents } from "./testing/test-store.ts";
import { verifiedContent } from "./verified-content.ts";
import type { ExtentSource } from "./extent-view.ts";

const hash = createHash();

/** The bytes of a sealed extent with some records. */
async function extentOf(sizes: readonly number[]): Promise<Uint8Array> {
  const store = await TestStore.create(hash);
  const writer = store.writer();
  const stop = new AbortController();
  const running = writer.run(stop.signal);
  for (const [i, size] of sizes.entries())
    await writer.append(standardExtents, identityOf(i), payloadOf(size, i));
  stop.abort();
  await running;
  const [path] = store.extentFiles();
  return store.memoryDisks[0]!.files.get(path!)!;
}

function sourceOf(bytes: Uint8Array): ExtentSource {
  return {
    read: (buffer, offset) => {
      const found = bytes.subarray(offset, offset + buffer.length);
      buffer.set(found);
      return Promise.resolve(found.length);
    },
    size: () => Promise.resolve(bytes.length),
  };
}

async function readAll(
  sources: readonly ExtentSource[],
  to: number,
): Promise<{ bytes: Uint8Array; isWhole: boolean }> {
  const extent = 1 as ExtentId; // the first id of a table in memory
  const spans: Uint8Array[] = [];
  let isWhole = true;
  let next = extentHeaderBytes;
  const range = { from: extentHeaderBytes, to };
  for await (const span of verifiedContent({ platform: { hash }, sources, extent, ...range })) {
    assert.equal(span.start, next);
    next += span.bytes.length;
    spans.push(span.bytes.slice());
    isWhole &&= span.isVerified;
  }
  assert.equal(next, to);
  return { bytes: concatBytes(spans), isWhole };
}

test("C4: the content is right where each record is whole in some copy, and its length always", async () => {
  const sizes = [10, 70_000, 3, 200, 66_000, 1];
  const good = await extentOf(sizes);
  const place = fc.integer({ min: extentHeaderBytes, max: good.length - 1 });
  const damage = fc.array(place, { maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(damage, damage, async (first, second) => {
      const copies = [first, second].map((places) => {
        const copy = good.slice();
        for (const at of places) copy[at]! ^= 0x55;
        return copy;
      });
      const { bytes, isWhole } = await readAll(copies.map(sourceOf), good.length);
      if (isWhole) {
        const isPadding = (at: number): boolean => good[at + extentHeaderBytes] === 0;
        const wrong = [...bytes.keys()].filter(
          (at) => bytes[at] !== good[at + extentHeaderBytes] && !isPadding(at),
        );
        assert.deepEqual(wrong, []);
      }
      if (first.length === 0 || second.length === 0) assert.ok(isWhole);
    }),
    { numRuns: 60 },
  );
});

test("content: a copy that fails is left out while there is another", async () => {
  const good = await extentOf([100, 200]);
  const failing: ExtentSource = {
    read: () => Promise.reject(new StoreError("io", "the disk fails")),
    size: () => Promise.reject(new StoreError("io", "the disk fails")),
  };
  const { bytes, isWhole } = await readAll([failing, sourceOf(good)], good.length);
  assert.ok(isWhole);
  assert.deepEqual(bytes, good.subarray(extentHeaderBytes));
  await assert.rejects(readAll([failing], good.length), { code: "io" });
});

test("C5: padding is handed on as zeros, whatever a disk made of it", async () => {
  const good = await extentOf([10, 200]);
  const bad = good.slice();
  bad[good.length - 1]! ^= 1;
  assert.equal(good.at(-1), 0, "it ends with padding");
  const { bytes, isWhole } = await readAll([sourceOf(bad)], good.length);
  assert.deepEqual(bytes, good.subarray(extentHeaderBytes));
  assert.ok(isWhole);
});
