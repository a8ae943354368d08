import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ChunkRef } from "../format/chunk-ref.ts";
import type { ShardScheme } from "../format/extent-row.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { extentPath } from "./extent-files.ts";
import { copyExtent, encodeExtent } from "./testing/coded-extent.ts";
import { identityOf, payloadOf, TestStore, standardExtents } from "./testing/test-store.ts";

const hash = createHash();

const reedSolomon = fc
  .record({ data: fc.integer({ min: 1, max: 6 }), parity: fc.integer({ min: 1, max: 3 }) })
  .chain((sizes) =>
    fc.constantFrom<ShardScheme>(
      { kind: "coded", code: "rs", ...sizes },
      { kind: "coded", code: "rs", ...sizes, isStriped: true },
    ),
  );
const lrc: ShardScheme = { kind: "coded", code: "lrc", data: 12, parity: 4 };
const copies = fc.integer({ min: 2, max: 4 });
const lengths = fc.oneof(fc.nat(200), fc.nat(70_000), fc.integer({ min: 131_000, max: 140_000 }));

/** What becomes of a member's file. */
const damages = {
  removed: ({ disk, path }) => void disk.files.delete(path),
  failing: ({ disk }) => {
    disk.before = (operation) => {
      if (operation === "read") throw new DiskError("io", "unreadable");
    };
  },
  cut: ({ disk, path, at }) => {
    const bytes = disk.bytesOf(path);
    disk.files.set(path, bytes.slice(0, Math.floor(at * bytes.length)));
  },
  zeros: ({ disk, path, at }) => {
    const bytes = disk.bytesOf(path);
    bytes.fill(0, Math.floor(at * bytes.length), Math.floor(at * bytes.length) + 100_000);
  },
  flipped: ({ disk, path, at }) => {
    const bytes = disk.bytesOf(path);
    for (const step of [0, 0.17, 0.4, 0.61]) {
      const content = bytes.length - extentHeaderBytes;
      bytes[extentHeaderBytes + Math.floor(((at + step) % 1) * content)]! ^= 1 << (at * 8);
    }
  },
} satisfies Record<string, (file: DamagedFile) => void>;

interface DamagedFile {
  readonly disk: TestStore["memoryDisks"][number];
  readonly path: string;
  /** A place in it, as a share of its length. */
  readonly at: number;
}

const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const loss = fc.record({
  rank: fc.nat(),
  damage: fc.constantFrom(...(Object.keys(damages) as (keyof typeof damages)[])),
  at: share,
});

test("C4: with as many members lost or damaged as the scheme allows, every range is right", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(lengths, { minLength: 1, maxLength: 6 }),
      fc.oneof(reedSolomon, fc.constant(lrc), copies),
      fc.array(loss, { minLength: 16, maxLength: 16 }),
      fc.array(fc.tuple(fc.nat(), share, share), { minLength: 3, maxLength: 6 }),
      fc.nat(),
      async (sizes, scheme, losses, ranges, lostCount) => {
        const store = await TestStore.create(hash, 16);
        const only = { ...store.disks, disks: store.disks.disks.slice(0, 1) };
        const writer = store.writer({ disks: only });
        const refs: ChunkRef[] = [];
        // In one lane, so that all are in one extent.
        for (const [i, length] of [100_000, ...sizes].entries()) {
          refs.push(await writer.append(standardExtents, identityOf(i), payloadOf(length, i)));
        }
        const { extent } = refs[0]!;
        const isCopies = typeof scheme === "number";
        const { row } = await (isCopies ? copyExtent : encodeExtent)(
          store,
          extent,
          scheme as never, // each function with its own kind of scheme
        );
        const lostMax = isCopies ? scheme - 1 : scheme.code === "lrc" ? 3 : scheme.parity;
        const order = row.members
          .map((_, member) => ({ member, ...losses[member]! }))
          .toSorted((a, b) => a.rank - b.rank);
        const path = extentPath(extent, row.layout);
        for (const { member, damage, at } of order.slice(0, lostCount % (lostMax + 1))) {
          damages[damage]({ disk: store.memoryDisks[member]!, path, at });
        }
        const reader = store.reader();
        for (const [draw, a, b] of ranges) {
          const index = draw % refs.length;
          const ref = refs[index]!;
          if (ref.extent !== extent) continue;
          const [start, end] = [a, b]
            .map((part) => Math.floor(part * ref.length))
            .sort((x, y) => x - y);
          const bytes = await reader.read(ref, identityOf(index), start!, end!);
          assert.deepEqual(bytes, payloadOf(ref.length, index).subarray(start, end));
        }
        await reader.close();
      },
    ),
    { numRuns: 150 },
  );
});
