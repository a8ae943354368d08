import type { HashAlgorithm } from "../platform/hash.ts";
import type { ByteReader, ByteWriter } from "./codec.ts";

/**
 * S3's additional checksums, kept with an object or a part: whatever the store can compute is one.
 */
export type ChecksumAlgorithm = HashAlgorithm;
export type ChecksumType = "full" | "composite";

export interface StoredChecksum {
  readonly algorithm: ChecksumAlgorithm;
  /** `composite`: the digest of the parts' digests. */
  readonly type: ChecksumType;
  readonly value: Uint8Array;
}

/** The place in this list is the stored number; only ever append. */
const algorithms: readonly ChecksumAlgorithm[] = [
  "crc32",
  "crc32c",
  "crc64nvme",
  "sha1",
  "sha256",
  "sha512",
  "md5",
  "xxhash64",
  "xxhash3",
  "xxhash128",
];

export function writeChecksumAlgorithm(writer: ByteWriter, algorithm: ChecksumAlgorithm): void {
  writer.u8(algorithms.indexOf(algorithm) + 1);
}

export function readChecksumAlgorithm(reader: ByteReader): ChecksumAlgorithm {
  return algorithms[reader.u8() - 1] ?? reader.fail("unknown checksum algorithm");
}

export function writeChecksum(writer: ByteWriter, checksum: StoredChecksum): void {
  writeChecksumAlgorithm(writer, checksum.algorithm);
  writer.boolean(checksum.type === "composite").bytes(checksum.value);
}

export function readChecksum(reader: ByteReader): StoredChecksum {
  const algorithm = readChecksumAlgorithm(reader);
  const type = reader.boolean() ? "composite" : "full";
  return { algorithm, type, value: reader.bytes() };
}

/** Which checksum it is, leaving out its value. */
export function readChecksumKind(reader: ByteReader): Omit<StoredChecksum, "value"> {
  const algorithm = readChecksumAlgorithm(reader);
  const type = reader.boolean() ? "composite" : "full";
  reader.skipBytes();
  return { algorithm, type };
}
