import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { LoopShare } from "../../base/loop-share.ts";
import { concatBytes } from "../../base/bytes.ts";
import type { ChecksumAlgorithm } from "../../format/checksum.ts";
import { createHash } from "../../node/platform/hash.ts";
import { checksumTypes, isCrc, wholeChecksum } from "./whole-checksum.ts";

const hash = createHash();
const platform = { hash, loop: new LoopShare(() => Promise.resolve()) };
const crcs: readonly ChecksumAlgorithm[] = ["crc32", "crc32c", "crc64nvme"];
const digests: readonly ChecksumAlgorithm[] = ["sha1", "sha256", "sha512", "md5"];
const algorithms = [...crcs, ...digests, "xxhash64", "xxhash3", "xxhash128"] as const;

function partsOf(algorithm: ChecksumAlgorithm, bodies: readonly Uint8Array[]) {
  return bodies.map((bytes) => {
    const value = hash.digest(algorithm, bytes);
    return { size: bytes.length, checksum: { algorithm, type: "full", value } as const };
  });
}

test("whole checksum: full from the parts' CRCs, composite from their digests, as over the bytes", async () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 6 });
  const property = fc.asyncProperty(
    bodies,
    fc.constantFrom(...algorithms),
    async (list, algorithm) => {
      const parts = partsOf(algorithm, list);
      if (isCrc(algorithm)) {
        const full = await wholeChecksum(platform, { algorithm, type: "full" }, parts);
        const value = hash.digest(algorithm, concatBytes(list));
        assert.deepEqual(full, { algorithm, type: "full", value });
      }
      if (algorithm === "crc64nvme") return;
      const composite = await wholeChecksum(platform, { algorithm, type: "composite" }, parts);
      const values = list.map((bytes) => hash.digest(algorithm, bytes));
      const value = hash.digest(algorithm, concatBytes(values));
      assert.deepEqual(composite, { algorithm, type: "composite", value });
    },
  );
  await fc.assert(property, { numRuns: 200 });
});

test("whole checksum: where nothing was chosen, S3's default of what all parts have", async () => {
  const bodies = [Uint8Array.of(1), Uint8Array.of(2)];
  for (const algorithm of algorithms) {
    const type = algorithm === "crc64nvme" ? "full" : "composite";
    const whole = await wholeChecksum(platform, undefined, partsOf(algorithm, bodies));
    assert.equal(whole?.type, type);
  }
  assert.deepEqual(checksumTypes("crc32"), ["composite", "full"]);
  assert.deepEqual(checksumTypes("crc64nvme"), ["full"]);
  for (const algorithm of algorithms.slice(3)) {
    assert.deepEqual(checksumTypes(algorithm), ["composite"]);
  }
  const mixed = [...partsOf("crc32", bodies), ...partsOf("sha1", bodies)];
  assert.equal(await wholeChecksum(platform, undefined, mixed), undefined);
});
