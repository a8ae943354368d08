import { encodeUtf8 } from "../../base/bytes.ts";
import type { NameValue, ObjectAttributes } from "../../format/object-row.ts";
import type { Bucket } from "../../object/bucket/buckets.ts";
import { decodeHeaderText } from "./encoded-word.ts";
import { S3Error } from "../errors.ts";
import type { Headers } from "../../platform/http.ts";
import { parseStorageClass } from "./storage-class.ts";
import { parseTaggingHeader } from "./tagging.ts";

/** @limit S3's limit for names and values of user metadata together. */
const metadataBytesMax = 2 * 1024;
const metadataPrefix = "x-amz-meta-";

/** Kept and given back verbatim, whether they make sense or not. */
export const storedHeaders: readonly string[] = [
  "content-type",
  "content-encoding",
  "content-disposition",
  "content-language",
  "cache-control",
  "expires",
];

/**
 * What the headers of a PUT, copy or new upload say about the object; it belongs to whoever owns the bucket.
 *
 * @param isChunked whether the body came as aws-chunked.
 */
export function parseObjectAttributes(
  headers: Headers,
  bucket: Pick<Bucket, "owner" | "account">,
  isChunked = false,
): ObjectAttributes {
  return {
    headers: systemHeaders(headers, isChunked),
    metadata: userMetadata(headers),
    tags: parseTaggingHeader(headers.get("x-amz-tagging")),
    owner: bucket.owner,
    account: bucket.account,
    storageClass: parseStorageClass(headers),
    encryption: undefined,
    lock: undefined,
  };
}

function systemHeaders(headers: Headers, isChunked: boolean): NameValue[] {
  const kept: NameValue[] = [];
  for (const name of storedHeaders) {
    const sent = headers.get(name);
    const value = isChunked && name === "content-encoding" ? withoutTransport(sent) : sent;
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
