import { must } from "../../base/assert.ts";
import { concatBytes } from "../../base/bytes.ts";
import type { ChecksumAlgorithm, ChecksumType, StoredChecksum } from "../../format/checksum.ts";
import type { PartRow, UploadRow } from "../../format/object-row.ts";
import type { CrcAlgorithm } from "../../platform/hash.ts";
import type { Platform } from "../../platform/platform.ts";

/**
 * The checksum of a multipart object from those of its parts: the CRC of the whole, which follows
 * from the parts' CRCs and sizes, or the digest of the parts' digests. Where the initiator chose
 * nothing, what S3 does by default with the algorithm that all parts have; undefined where they
 * have none in common.
 */
export async function wholeChecksum(
  { hash, loop }: Pick<Platform, "hash" | "loop">,
  chosen: UploadRow["checksum"],
  parts: readonly Pick<PartRow, "size" | "checksum">[],
): Promise<StoredChecksum | undefined> {
  const algorithm = chosen?.algorithm ?? parts[0]?.checksum?.algorithm;
  if (algorithm === undefined) return undefined;
  if (parts.some((part) => part.checksum?.algorithm !== algorithm)) return undefined;
  const digests = parts.map(({ size, checksum }) => ({
    size,
    value: must(checksum, "every part has the checksum, as was just seen").value,
  }));
  const type = chosen?.type ?? checksumTypes(algorithm)[0];
  if (type === "full" && isCrc(algorithm)) {
    let whole = digests[0]?.value;
    for (const { value, size } of digests.slice(1)) {
      while (loop.isSpent) await loop.turn();
      loop.count(1);
      whole = whole && hash.combineCrc(algorithm, whole, value, size);
    }
    return whole && { algorithm, type, value: whole };
  }
  const value = hash.digest(algorithm, concatBytes(digests.map((digest) => digest.value)));
  return { algorithm, type: "composite", value };
}

/**
 * The types that a checksum of several parts may have on AWS, the default first: CRC-64/NVME is
 * always of the full object, and of the others only CRCs can be.
 */
export function checksumTypes(algorithm: ChecksumAlgorithm): readonly ChecksumType[] {
  if (algorithm === "crc64nvme") return ["full"];
  return isCrc(algorithm) ? ["composite", "full"] : ["composite"];
}

/** Only of CRCs can the whole's be had from the parts'. */
export function isCrc(algorithm: ChecksumAlgorithm): algorithm is CrcAlgorithm {
  return algorithm === "crc32" || algorithm === "crc32c" || algorithm === "crc64nvme";
}
