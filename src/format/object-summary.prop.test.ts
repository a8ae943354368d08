import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { BlobId } from "./ids.ts";
import { idOfBytes } from "./ids.ts";
import type { ObjectRow } from "./object-row.ts";
import { encodeObjectRow, isDeleteMarkerRow, ObjectSummaryDecoder } from "./object-row.ts";

const bytes = fc.uint8Array({ maxLength: 20 });
const pairs = fc.array(fc.tuple(fc.string(), fc.string({ maxLength: 200 })), { maxLength: 3 });
const option = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((each) => idOfBytes<BlobId>(each));

const rows: fc.Arbitrary<ObjectRow> = fc.record({
  kind: fc.constantFrom("object" as const, "deleteMarker" as const),
  order: fc.maxSafeNat(),
  nullVersion: fc.boolean(),
  nullOrder: option(fc.maxSafeNat()),
  modifiedMs: fc.maxSafeNat(),
  size: fc.maxSafeNat(),
  md5: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  partCount: fc.nat(10_000),
  checksum: option(
    fc.record({
      algorithm: fc.constantFrom("crc32" as const, "sha256" as const),
      type: fc.constantFrom("full" as const, "composite" as const),
      value: bytes,
    }),
  ),
  attributes: fc.record({
    headers: pairs,
    metadata: pairs,
    tags: pairs,
    owner: fc.constantFrom("owner", "other", "ö"),
    account: fc.string(),
    storageClass: fc.constantFrom("STANDARD", "GLACIER"),
    encryption: option(bytes),
    lock: option(bytes),
  }),
  blob: id,
  upload: fc.constant(undefined),
  data: fc.constant({ kind: "empty" as const }),
});

test("object rows: their summaries say the same as the rows, whatever was read before", () => {
  const decoder = new ObjectSummaryDecoder();
  fc.assert(
    fc.property(rows, (row) => {
      const stored = encodeObjectRow(row);
      const { kind, order, nullVersion, modifiedMs, size, md5, partCount, blob } = row;
      const { owner, storageClass } = row.attributes;
      const checksum = row.checksum && {
        algorithm: row.checksum.algorithm,
        type: row.checksum.type,
      };
      const version = { kind, order, nullVersion, modifiedMs, size, md5, partCount, blob };
      const expected = { ...version, checksum, owner, storageClass, stored };
      assert.deepEqual(decoder.decode(stored), expected);
      assert.equal(isDeleteMarkerRow(stored), kind === "deleteMarker");
    }),
  );
});
