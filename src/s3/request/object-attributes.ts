import { encodeUtf8 } from "../../base/bytes.ts";
import type { NameValue, ObjectAttributes } from "../../format/object-row.ts";
import { isStorageClass, standardClass } from "../../format/storage-class.ts";
import type { Bucket } from "../../object/bucket/buckets.ts";
import type { HeaderList, Headers } from "../../platform/http.ts";
import { S3Error } from "../errors.ts";
import { parseTaggingHeader } from "./tagging.ts";
import { decodeHeaderText } from "./text-encoding.ts";

/** @limit S3's limit for names and values of user metadata together. */
const metadataBytesMax = 2 * 1024;
const metadataPrefix = "x-amz-meta-";

/** Headers that are kept and given back verbatim, whether they make sense or not. */
export const storedHeaders: readonly string[] = [
  "content-type",
  "content-encoding",
  "content-disposition",
  "content-language",
  "cache-control",
  "expires",
];

/**
 * The object's attributes in the headers of a PUT, copy or new upload. The object belongs to the
 * bucket's owner.
 *
 * @param isFramed whether the body came as aws-chunked.
 */
export function parseObjectAttributes(
  headers: Headers,
  bucket: Pick<Bucket, "owner" | "account">,
  isFramed = false,
): ObjectAttributes {
  return {
    headers: systemHeaders(headers, isFramed),
    metadata: userMetadata(headers),
    tags: parseTaggingHeader(headers.get("x-amz-tagging")),
    owner: bucket.owner,
    account: bucket.account,
    storageClass: parseStorageClass(headers),
    encryption: undefined,
    lock: undefined,
  };
}

function systemHeaders(headers: Headers, isFramed: boolean): NameValue[] {
  const kept: NameValue[] = [];
  for (const name of storedHeaders) {
    const sent = headers.get(name);
    const value = isFramed && name === "content-encoding" ? withoutTransport(sent) : sent;
    if (value !== undefined && value !== "") kept.push([name, value]);
  }
  return kept;
}

/** `aws-chunked` is how the body travelled, not what it is. */
function withoutTransport(encoding: string | undefined): string | undefined {
  if (encoding === undefined || !/aws-chunked/i.test(encoding)) return encoding;
  const codings = encoding.split(",").map((coding) => coding.trim());
  return codings.filter((coding) => !/^(aws-chunked)?$/i.test(coding)).join(", ");
}

function userMetadata(headers: Headers): NameValue[] {
  const metadata: NameValue[] = [];
  let bytes = 0;
  for (const [header, value] of headers) {
    if (!header.startsWith(metadataPrefix)) continue;
    const name = header.slice(metadataPrefix.length);
    const text = decodeHeaderText(value);
    bytes += encodeUtf8(name).length + encodeUtf8(text).length;
    metadata.push([name, text]);
  }
  if (bytes > metadataBytesMax) {
    throw new S3Error("MetadataTooLarge", {
      details: { Size: bytes, MaxSizeAllowed: metadataBytesMax },
    });
  }
  return metadata;
}

// A storage class is a name that an object keeps. All classes here are read at once, and are stored
// alike: there is one scheme. Classes whose objects have to be restored before they can be read
// would be a promise that nothing keeps, so they are refused as any name is that S3 does not know.

const header = "x-amz-storage-class";
/**
 * The class that a PUT, form, copy or new upload asks for. A copy does not keep that of its source.
 */
export function parseStorageClass(headers: Headers): string {
  const storageClass = headers.get(header) ?? standardClass;
  if (isStorageClass(storageClass)) return storageClass;
  throw new S3Error("InvalidStorageClass", { details: { StorageClassRequested: storageClass } });
}

/** True if the request names a class: in a copy onto itself, that counts as changing it. */
export function namesStorageClass(headers: Headers): boolean {
  return headers.has(header);
}

/** None for the class of objects for which none was named. */
export function storageClassHeaders(storageClass: string): HeaderList {
  return storageClass === standardClass ? [] : [[header, storageClass]];
}
