import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { concatBytes } from "../base/bytes.ts";
import type { ChecksumAlgorithm } from "../format/checksum.ts";
import { createHash } from "../node/hash.ts";
import { checksumTypes, isCrc, wholeChecksum } from "./whole-checksum.ts";

const hash = createHash();
const crcs: readonly ChecksumAlgorithm[] = ["crc32", "crc32c", "crc64nvme"];
const digests: readonly ChecksumAlgorithm[] = ["sha1", "sha256", "sha512", "md5"];
const algorithms = [...crcs, ...digests, "xxhash64", "xxhash3", "xxhash128"] as const;

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
    const values = list.map((bytes) => hash.digest(algorithm, bytes));
    const value = hash.digest(algorithm, concatBytes(values));
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
  assert.deepEqual(checksumTypes("crc32"), ["composite", "full"]);
  assert.deepEqual(checksumTypes("crc64nvme"), ["full"]);
  for (const algorithm of algorithms.slice(3)) {
    assert.deepEqual(checksumTypes(algorithm), ["composite"]);
  }
  const mixed = [...partsOf("crc32", bodies), ...partsOf("sha1", bodies)];
  assert.equal(wholeChecksum(hash, undefined, mixed), undefined);
});
