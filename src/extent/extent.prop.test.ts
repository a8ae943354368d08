import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import { scanRecords } from "./extent-scan.ts";
import { identityOf, payloadOf, TestStore, standardExtents } from "./testing/test-store.ts";

const hash = createHash();

const lengths = fc.oneof(fc.nat(200), fc.nat(70_000), fc.integer({ min: 131_000, max: 140_000 }));

const appendStep = fc.record({
  length: lengths,
  key: fc.string({ maxLength: 30, unit: "grapheme" }),
  range: fc.tuple(
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.double({ min: 0, max: 1, noNaN: true }),
  ),
  /** The disk whose next sync fails, if any. */
  failing: fc.option(fc.nat(1), { freq: 6 }),
});

test("extents: whatever is appended, at once or in turn and with syncs that fail, is read back in any range", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(appendStep, { maxLength: 6 }), { maxLength: 6 }),
      async (batches) => {
        const store = await TestStore.create(hash, 2);
        const writer = store.writer({ extentBytes: 200_000 });
        const reader = store.reader();
        let chunk = 0;
        for (const batch of batches) {
          await Promise.all(
            batch.map(async ({ length, key, range, failing }) => {
              const [identity, payload] = [identityOf(chunk, key), payloadOf(length, chunk++)];
              if (failing !== null) failNextSync(store, failing);
              const ref = await writer.append(standardExtents, identity, payload);
              const [start, end] = range
                .map((part) => Math.floor(part * length))
                .sort((a, b) => a - b);
              assert.deepEqual(
                await reader.read(ref, identity, start!, end!),
                payload.subarray(start, end),
              );
            }),
          );
        }
        await reader.close();
        await assertScansFindAll(store);
      },
    ),
    { numRuns: 40 },
  );
});

function failNextSync(store: TestStore, which: number): void {
  const disk = store.memoryDisks[which]!;
  disk.before = (operation, path) => {
    if (operation !== "sync" || !path.endsWith(".extent")) return;
    disk.before = () => {};
    throw new DiskError("io", "sync failed");
  };
}

/** Records follow each other without a gap to the end of each file. */
async function assertScansFindAll(store: TestStore): Promise<void> {
  for (const { id } of store.table.entries.values()) {
    for (const { disk } of store.disks.disks) {
      const path = store.extentFiles(store.disks.disks.findIndex((d) => d.disk === disk));
      const own = path.find((name) => Number.parseInt(name.slice(-21, -7), 16) === id);
      if (own === undefined) continue;
      const file = await disk.open(own, "read");
      let end = extentHeaderBytes;
      const options = { platform: store.platform, file, extent: id, from: end };
      for await (const record of scanRecords(options)) {
        assert.ok(record.kind === "record" && record.payloadError === undefined);
        end = record.end;
      }
      const skipping = await Array.fromAsync(scanRecords({ ...options, skipPayload: true }));
      assert.equal(skipping.at(-1)?.end ?? extentHeaderBytes, end);
      const size = await file.size();
      assert.equal(end, Math.max(size, extentHeaderBytes));
    }
  }
}
