import { fromBase64, toBase64 } from "../../base/bytes.ts";
import type { ChecksumAlgorithm, ChecksumType, StoredChecksum } from "../../format/checksum.ts";
import type { HeaderList, Headers } from "../../platform/http.ts";
import { S3Error, type S3ErrorCode } from "../errors.ts";
import { textElement, type Xml } from "../xml/xml-write.ts";

/** The checksums that a request declares for its body. */
export interface DeclaredChecksums {
  /** `Content-MD5`, decoded. */
  readonly md5: Uint8Array | undefined;
  /** One of S3's additional checksums, if the request has one. */
  readonly checksum: DeclaredChecksum | undefined;
  /** `x-amz-checksum-type`. */
  readonly type: ChecksumType | undefined;
}

export type DeclaredChecksum =
  /** The value stands in a header: compare with it. */
  | {
      readonly kind: "value";
      readonly algorithm: ChecksumAlgorithm;
      readonly value: Uint8Array;
      /** Composite values of multipart objects end in `-N`: how many parts. */
      readonly parts: number | undefined;
    }
  /**
   * It follows the body, as a trailing header of this name: read it with `parseTrailingChecksum`.
   */
  | {
      readonly kind: "trailer";
      readonly algorithm: ChecksumAlgorithm;
      readonly header: string;
    }
  /** Only an algorithm is named (`x-amz-sdk-checksum-algorithm`, `x-amz-checksum-algorithm`). */
  | { readonly kind: "algorithm"; readonly algorithm: ChecksumAlgorithm };

const digestBytes: Readonly<Record<ChecksumAlgorithm, number>> = {
  crc32: 4,
  crc32c: 4,
  crc64nvme: 8,
  sha1: 20,
  sha256: 32,
  sha512: 64,
  md5: 16,
  xxhash64: 8,
  xxhash3: 8,
  xxhash128: 16,
};

const valuePrefix = "x-amz-checksum-";
/** These begin like the header of a value. */
const notValues = ["algorithm", "type", "mode"];

export interface ChecksumHeaderOptions {
  /**
   * True if the request may choose an algorithm for what it makes; otherwise an unknown name is
   * ignored.
   */
  readonly choosing?: boolean | undefined;
  /** S3's error for a value that is no checksum (default: InvalidRequest). */
  readonly invalidValue?: S3ErrorCode | undefined;
}

/** Throws S3Error for headers that cannot be taken; the messages are S3's own. */
export function parseChecksumHeaders(
  headers: Headers,
  { choosing = false, invalidValue = "InvalidRequest" }: ChecksumHeaderOptions = {},
): DeclaredChecksums {
  const md5 = parseMd5(only(headers, "content-md5"));
  const type = parseType(only(headers, "x-amz-checksum-type"));
  const named = parseNamedAlgorithm(headers, choosing);
  const given = parseGiven(headers, invalidValue);
  if (named !== undefined && given !== undefined && named.algorithm !== given.algorithm) {
    throw invalid(`Value for ${named.header} header is invalid.`);
  }
  const algorithm = named && { kind: "algorithm" as const, algorithm: named.algorithm };
  return { md5, checksum: given ?? algorithm, type };
}

/**
 * The value that the trailer promised, from the trailing headers; S3 refuses where it is missing or
 * malformed.
 */
export function parseTrailingChecksum(
  declared: DeclaredChecksum & { readonly kind: "trailer" },
  trailers: ReadonlyMap<string, string>,
): Uint8Array {
  const value = trailers.get(declared.header);
  if (value === undefined || trailers.size > 1) {
    const message = `The request's trailer must hold ${declared.header}, and nothing else.`;
    throw new S3Error("MalformedTrailerError", { message });
  }
  const bytes = fromBase64(value);
  if (bytes?.length === digestBytes[declared.algorithm]) return bytes;
  throw invalid(`Value for ${declared.header} trailing header is invalid.`);
}

/** crc32 → x-amz-checksum-crc32, for answers. */
export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `${valuePrefix}${algorithm}`;
}

/** The one checksum that has a value, now or in the trailer. */
function parseGiven(headers: Headers, invalidValue: S3ErrorCode): DeclaredChecksum | undefined {
  const values: [header: string, value: string][] = [];
  for (const [header, sent] of headers) {
    if (!isValueHeader(header)) continue;
    // Base64 has no comma: there, a header that was sent again begins.
    for (const value of sent.split(",")) values.push([header, value]);
  }
  const trailer = headers.get("x-amz-trailer");
  const promised = trailer === undefined ? [] : promisedNames(trailer).map(parsePromise);
  if (values.length + promised.length > 1) {
    const single = "Expecting a single x-amz-checksum- header";
    throw invalid(
      values.length === 1 ? single : `${single}. Multiple checksum Types are not allowed.`,
    );
  }
  const [value] = values;
  if (value !== undefined) return parseValue(...value, invalidValue);
  return promised[0];
}

/**
 * Splits the list as S3 does: empty names at the end are none, elsewhere they are unknown names.
 */
function promisedNames(value: string): string[] {
  const names = value.trim().replace(/,+$/, "").split(",");
  return names.map((name) => name.trim().toLowerCase());
}

function isValueHeader(name: string): boolean {
  return name.startsWith(valuePrefix) && !notValues.includes(name.slice(valuePrefix.length));
}

function parseValue(header: string, text: string, invalidValue: S3ErrorCode): DeclaredChecksum {
  const algorithm = parseAlgorithm(
    header.slice(valuePrefix.length),
    "The algorithm type you specified in x-amz-checksum- header is invalid.",
  );
  const match = /^([^-]*)(?:-([1-9]\d{0,4}))?$/.exec(text.trim());
  const value = fromBase64(match?.[1] ?? "");
  if (value?.length !== digestBytes[algorithm]) {
    throw new S3Error(invalidValue, { message: `Value for ${header} header is invalid.` });
  }
  const parts = match?.[2] === undefined ? undefined : Number(match[2]);
  return { kind: "value", algorithm, value, parts };
}

function parsePromise(header: string): DeclaredChecksum {
  const unsupported = "The value specified in the x-amz-trailer header is not supported";
  if (!isValueHeader(header)) throw invalid(unsupported);
  const algorithm = parseAlgorithm(header.slice(valuePrefix.length), unsupported);
  return { kind: "trailer", algorithm, header };
}

/** A header that S3 knows for new uploads and copies only. */
const choiceHeader = "x-amz-checksum-algorithm";

interface NamedAlgorithm {
  readonly algorithm: ChecksumAlgorithm;
  readonly header: string;
}

function parseNamedAlgorithm(headers: Headers, choosing: boolean): NamedAlgorithm | undefined {
  for (const header of [choiceHeader, "x-amz-sdk-checksum-algorithm"]) {
    const name = only(headers, header);
    const isIdle = header === choiceHeader && !choosing;
    if (name === undefined || (isIdle && !isAlgorithm(name.toLowerCase()))) continue;
    const algorithm = parseAlgorithm(
      name.toLowerCase(),
      "Checksum algorithm provided is unsupported. Please try again with any of the valid types: " +
        `[${Object.keys(digestBytes).sort().join(", ").toUpperCase()}]`,
    );
    return { algorithm, header };
  }
  return undefined;
}

function parseAlgorithm(name: string, unknown: string): ChecksumAlgorithm {
  if (isAlgorithm(name)) return name;
  throw invalid(unknown);
}

function isAlgorithm(name: string): name is ChecksumAlgorithm {
  return Object.hasOwn(digestBytes, name);
}

function parseMd5(text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined;
  const md5 = fromBase64(text);
  if (md5?.length === digestBytes.md5) return md5;
  throw new S3Error("InvalidDigest", { details: { "Content-MD5": text } });
}

function parseType(text: string | undefined): ChecksumType | undefined {
  switch (text) {
    case undefined:
      return undefined;
    case "FULL_OBJECT":
      return "full";
    case "COMPOSITE":
      return "composite";
    default:
      throw invalid("Value for x-amz-checksum-type header is invalid.");
  }
}

function only(headers: Headers, name: string): string | undefined {
  return headers.get(name)?.trim();
}

function invalid(message: string): S3Error {
  return new S3Error("InvalidRequest", { message });
}

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
