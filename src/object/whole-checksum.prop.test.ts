import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { concatBytes } from "../base/bytes.ts";
import type { ChecksumAlgorithm } from "../format/checksum.ts";
import { createHash } from "../node/hash.ts";
import { isCrc, wholeChecksum } from "./whole-checksum.ts";

const hash = createHash();
const algorithms: readonly ChecksumAlgorithm[] = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"];

function partsOf(algorithm: ChecksumAlgorithm, bodies: readonly Uint8Array[]) {
  return bodies.map((bytes) => {
    const value = hash.digest(algorithm, bytes);
    return { size: bytes.length, checksum: { algorithm, type: "full", value } as const };
  });
}

test("whole checksum: full from the parts' CRCs, composite from their digests, as over the bytes", () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 6 });
  const property = fc.property(bodies, fc.constantFrom(...algorithms), (list, algorithm) => {
    const parts = partsOf(algorithm, list);
    if (isCrc(algorithm)) {
      const full = wholeChecksum(hash, { algorithm, type: "full" }, parts);
      const value = hash.digest(algorithm, concatBytes(list));
      assert.deepEqual(full, { algorithm, type: "full", value });
    }
    if (algorithm === "crc64nvme") return;
    const composite = wholeChecksum(hash, { algorithm, type: "composite" }, parts);
    const digests = list.map((bytes) => hash.digest(algorithm, bytes));
    const value = hash.digest(algorithm, concatBytes(digests));
    assert.deepEqual(composite, { algorithm, type: "composite", value });
  });
  fc.assert(property, { numRuns: 200 });
});

test("whole checksum: where nothing was chosen, S3's default of what all parts have", () => {
  const bodies = [Uint8Array.of(1), Uint8Array.of(2)];
  for (const algorithm of algorithms) {
    const type = algorithm === "crc64nvme" ? "full" : "composite";
    assert.equal(wholeChecksum(hash, undefined, partsOf(algorithm, bodies))?.type, type);
  }
  const mixed = [...partsOf("crc32", bodies), ...partsOf("sha1", bodies)];
  assert.equal(wholeChecksum(hash, undefined, mixed), undefined);
});
