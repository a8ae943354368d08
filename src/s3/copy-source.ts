import { tryDecodeUtf8 } from "../base/bytes.ts";
import { getBucket } from "../object/buckets.ts";
import type { CopySource } from "../object/copy.ts";
import { type Refusal, isRefusal } from "../object/refusal.ts";
import { type Place, type S3Call, refused } from "./call.ts";
import { parseReadConditions } from "./condition-headers.ts";
import { type S3Error, invalidArgument } from "./errors.ts";
import { checkVersionId } from "./object-parameters.ts";
import { percentDecode, percentDecodeText } from "./percent.ts";
import { checkKey } from "./request-target.ts";
import { isBucketName } from "./bucket-name.ts";

const header = "x-amz-copy-source";

/** `x-amz-copy-source`: `/bucket/key?versionId=…`, percent-encoded, with or without the slash in front. */
export function parseCopySource(call: S3Call): CopySource {
  const sent = call.headers.get(header) ?? "";
  // A `?` of the key itself is encoded, but not by every client: only `?versionId=` ends the key.
  const [path = "", version] = sent.replace(/^\//, "").split("?versionId=");
  const slash = path.indexOf("/");
  const bucket = slash < 0 ? undefined : percentDecodeText(path.slice(0, slash));
  const key = percentDecode(path.slice(slash + 1));
  const named = bucket !== undefined && key !== undefined && key.length > 0;
  if (!named || !isBucketName(bucket) || tryDecodeUtf8(key) === undefined) {
    const message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey";
    throw invalidArgument(header, sent, message);
  }
  checkKey(key);
  checkVersionId(version);
  return { bucket, key, conditions: parseReadConditions(call.headers, `${header}-`) };
}

/** `x-amz-copy-source-range`: only `bytes=first-last`, inclusive. */
export function parseCopyRange(
  call: S3Call,
): { readonly first: number; readonly last: number } | undefined {
  const name = "x-amz-copy-source-range";
  const sent = call.headers.get(name);
  if (sent === undefined) return undefined;
  const match = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(sent.trim());
  const range = { first: Number(match?.[1]), last: Number(match?.[2]) };
  if (match !== null && range.first <= range.last) return range;
  const message =
    "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are " +
    "the zero-based offsets of the first and last bytes to copy";
  throw invalidArgument(name, sent, message);
}

/** A copy's refusal, naming the bucket or key that it is about: the source's or the target's. */
export async function refusedCopy(
  call: S3Call,
  refusal: Refusal,
  from: { readonly source: CopySource; readonly target: Place },
): Promise<S3Error> {
  const { source, target } = from;
  return refused(refusal, (await isAboutSource(call, refusal, source)) ? source : target);
}

async function isAboutSource(call: S3Call, { refusal }: Refusal, source: Place): Promise<boolean> {
  if (refusal === "noSuchBucket") return isRefusal(await getBucket(call.objects, source.bucket));
  // Only If-Match makes it matter whether the target is there.
  return refusal === "noSuchKey" && !call.headers.has("if-match");
}
