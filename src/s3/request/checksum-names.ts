import { toBase64 } from "../../base/bytes.ts";
import type { ChecksumAlgorithm, ChecksumType, StoredChecksum } from "../../format/checksum.ts";
import type { HeaderList } from "../../platform/http.ts";
import { checksumHeader } from "./checksum-headers.ts";
import { type Xml, textElement } from "../xml/xml-write.ts";

const names: Readonly<Record<ChecksumAlgorithm, string>> = {
  crc32: "CRC32",
  crc32c: "CRC32C",
  crc64nvme: "CRC64NVME",
  sha1: "SHA1",
  sha256: "SHA256",
  sha512: "SHA512",
  md5: "MD5",
  xxhash64: "XXHASH64",
  xxhash3: "XXHASH3",
  xxhash128: "XXHASH128",
};

export const checksumAlgorithms = Object.keys(names) as readonly ChecksumAlgorithm[]; // its keys

/** crc32 → CRC32, as S3 writes it in XML. */
export function checksumName(algorithm: ChecksumAlgorithm): string {
  return names[algorithm];
}

/** crc32 → ChecksumCRC32: the element that holds a value. */
export function checksumElementName(algorithm: ChecksumAlgorithm): string {
  return `Checksum${names[algorithm]}`;
}

export function checksumTypeName(type: ChecksumType): string {
  return type === "full" ? "FULL_OBJECT" : "COMPOSITE";
}

/** The value in base64; a composite one says of how many parts. */
function checksumValue(checksum: StoredChecksum, partCount: number): string {
  const value = toBase64(checksum.value);
  return checksum.type === "composite" ? `${value}-${partCount}` : value;
}

export function checksumHeaders(
  checksum: StoredChecksum | undefined,
  partCount: number,
): HeaderList {
  if (checksum === undefined) return [];
  return [
    [checksumHeader(checksum.algorithm), checksumValue(checksum, partCount)],
    ["x-amz-checksum-type", checksumTypeName(checksum.type)],
  ];
}

/** `ChecksumCRC32` and `ChecksumType`, for answers in XML. */
export function checksumElements(
  checksum: StoredChecksum | undefined,
  partCount: number,
): readonly Xml[] {
  if (checksum === undefined) return [];
  return [
    textElement(checksumElementName(checksum.algorithm), checksumValue(checksum, partCount)),
    textElement("ChecksumType", checksumTypeName(checksum.type)),
  ];
}

/** A part's checksum has no type of its own. */
export function partChecksumElements(checksum: StoredChecksum | undefined): readonly Xml[] {
  return checksumElements(checksum, 0).slice(0, 1);
}

/** Parts of the object with this ETag: `…-3` has three, others none. */
export function partCountOf(etag: string): number {
  const dash = etag.indexOf("-");
  return dash < 0 ? 0 : Number(etag.slice(dash + 1));
}
