import { encodeUtf8 } from "../../base/bytes.ts";
import type { Copied, CopySource } from "../../object/copy.ts";
import type { Refusal } from "../../object/refusal.ts";
import type { HeaderList } from "../../platform/http.ts";
import { type Place, type S3Call, permitSource, refused } from "../call.ts";
import { parseReadConditions } from "./condition-headers.ts";
import { S3Error, invalidArgument } from "../errors.ts";
import { formDecode } from "./text-encoding.ts";
import { checkKey, climbsAboveRoot, isBucketName } from "./request-target.ts";
import { versionHeaders, versionIn } from "./object-parameters.ts";

const header = "x-amz-copy-source";
const rangeHeader = `${header}-range`;
const versionMark = "?versionId=";
const invalidKey = "Invalid copy source object key";

/** The source of a copy, which the caller may read. */
export async function openCopySource(call: S3Call): Promise<CopySource> {
  const { bucket, key, versionId } = parseCopySource(call);
  const action = versionId === undefined ? "s3:GetObject" : "s3:GetObjectVersion";
  const found = await permitSource(call, action, { bucket, key });
  const version = versionId === undefined ? undefined : versionIn(found, versionId);
  const conditions = parseReadConditions(call.headers, `${header}-`);
  return { bucket: found, key, version, conditions };
}

/**
 * `x-amz-copy-source`: `/bucket/key?versionId=…`, encoded as in forms, slashes too if the client
 * likes, with or without the slash in front.
 */
function parseCopySource(call: S3Call) {
  const sent = call.headers.get(header) ?? "";
  // A `?` of the key itself is encoded, but not by every client: only `?versionId=` ends the key.
  const end = sent.indexOf(versionMark);
  const encoded = end < 0 ? sent : sent.slice(0, end);
  const path = formDecode(escapeBytes(encoded))?.replace(/^\//, "");
  const slash = path?.indexOf("/") ?? -1;
  if (path === undefined || slash < 0) {
    throw invalidArgument(header, header, invalidKey);
  }
  const bucket = path.slice(0, slash);
  const key = encodeUtf8(path.slice(slash + 1));
  if (!isBucketName(bucket) || key.length === 0) {
    const message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey";
    throw invalidArgument(header, sent, message);
  }
  checkKey(key);
  if (climbsAboveRoot(key)) throw invalidArgument(header, path.slice(slash + 1), invalidKey);
  const versionId = end < 0 ? undefined : sent.slice(end + versionMark.length);
  return { bucket, key, versionId };
}

/** Bytes beyond ASCII that a client did not escape. */
function escapeBytes(wireText: string): string {
  return wireText.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`);
}

/** S3 names the copied version if it has an id of its own … */
export function copyHeaders({ versionId, sourceVersionId }: Copied): HeaderList {
  const named = sourceVersionId !== undefined && sourceVersionId !== "null";
  const source: HeaderList = named ? [[`${header}-version-id`, sourceVersionId]] : [];
  return [...source, ...versionHeaders(versionId)];
}

/** … and for a part the null version too, where the request named that. */
export function partCopyHeaders(copied: Copied, { version }: CopySource): HeaderList {
  if (version?.kind !== "null") return copyHeaders(copied);
  return [[`${header}-version-id`, "null"], ...versionHeaders(copied.versionId)];
}

/** `x-amz-copy-source-range`: only `bytes=first-last`, inclusive. */
export function parseCopyRange(
  call: S3Call,
): { readonly first: number; readonly last: number } | undefined {
  const sent = call.headers.get(rangeHeader);
  if (sent === undefined) return undefined;
  const match = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(sent.trim());
  const range = { first: Number(match?.[1]), last: Number(match?.[2]) };
  if (match !== null && range.first <= range.last) return range;
  const message =
    "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are " +
    "the zero-based offsets of the first and last bytes to copy";
  throw invalidArgument(rangeHeader, sent, message);
}

/** A whole object is copied or nothing: part of one is asked for where parts are copied. */
export function refuseCopyRange(call: S3Call): void {
  const sent = call.headers.get(rangeHeader);
  if (sent !== undefined) throw invalidArgument(rangeHeader, sent, "Illegal copy header");
}

/** A copy's refusal, naming the bucket or key that it is about: the source's or the target's. */
export function refusedCopy(
  call: S3Call,
  refusal: Refusal,
  from: { readonly source: CopySource; readonly target: Place },
): S3Error {
  const { source, target } = from;
  if (refusal.refusal === "invalidRange") return refusedRange(call, refusal);
  if (!isAboutSource(call, refusal)) return refused(refusal, target);
  return refused(refusal, { bucket: source.bucket.name, key: source.key });
}

/**
 * AWS: of a range that is partly there, the header is wrong; where nothing of it is, the request.
 */
function refusedRange(call: S3Call, { details }: Refusal): S3Error {
  const size = Number(details?.["ActualObjectSize"]);
  if ((parseCopyRange(call)?.first ?? 0) >= size) {
    const message = "The specified copy range is invalid for the source object size";
    return new S3Error("InvalidRequest", { message });
  }
  const message = `Range specified is not valid for source object of size: ${size}`;
  return invalidArgument(rangeHeader, call.headers.get(rangeHeader) ?? "", message);
}

/** The source's bucket was there when it was read: one that is not is the target's. */
function isAboutSource(call: S3Call, { refusal }: Refusal): boolean {
  // Only If-Match makes it matter whether the target is there.
  return refusal === "noSuchKey" && !call.headers.has("if-match");
}
