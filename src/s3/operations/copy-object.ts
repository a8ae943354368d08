import { equalBytes } from "../../base/bytes.ts";
import type { ObjectAttributes } from "../../format/object-row.ts";
import type { HttpResponse } from "../../platform/http.ts";
import type { Bucket } from "../../object/bucket/buckets.ts";
import { type CopyInput, type CopySource, copyObject as copyStored } from "../../object/copy.ts";
import { isRefusal } from "../../object/refusal.ts";
import { type Operation, type S3Call, permit, xmlResponse } from "../call.ts";
import { checksumElements, partCountOf } from "../request/checksums.ts";
import { parseWriteCondition } from "../request/condition-headers.ts";
import {
  copyHeaders,
  openCopySource,
  refuseCopyRange,
  refusedCopy,
} from "../request/copy-source.ts";
import { S3Error, invalidArgument } from "../errors.ts";
import { formatIsoDate } from "../response/listing.ts";
import { namesStorageClass, parseObjectAttributes } from "../request/object-attributes.ts";
import { declaredChecksums } from "../request/body.ts";
import { etagElement, textElement, xmlDocument } from "../xml/xml-write.ts";

export const copyObject: Operation = async (call) => {
  const { bucket, key } = call.target;
  const source = await openCopySource(call);
  const owned = await permit(call, "s3:PutObject", { bucket, key });
  const tagged = call.headers.has("x-amz-tagging");
  if (tagged) await permit(call, "s3:PutObjectTagging", { bucket, key });
  refuseCopyRange(call);
  const condition = parseWriteCondition(call.headers);
  const attributes = chooseAttributes(call, source, owned);
  const checksum = declaredChecksums(call, true).checksum?.algorithm;
  const { signal } = call.request;
  const input = { source, bucket: owned, key, attributes, checksum, condition, signal };
  return call.keepAlive(copy(call, input));
};

async function copy(call: S3Call, input: CopyInput): Promise<HttpResponse> {
  const { source } = input;
  const stored = await copyStored(call.objects, input);
  if (isRefusal(stored)) throw refusedCopy(call, stored, { source, target: call.target });
  return xmlResponse(
    xmlDocument("CopyObjectResult", [
      textElement("LastModified", formatIsoDate(stored.modifiedMs)),
      etagElement(stored.etag),
      ...checksumElements(stored.checksum, partCountOf(stored.etag)),
    ]),
    copyHeaders(stored),
  );
}

/** The attributes that the copy keeps of its source, by the two directives. */
function chooseAttributes(
  call: S3Call,
  source: CopySource,
  owned: Bucket,
): (source: ObjectAttributes) => ObjectAttributes {
  const replaceMetadata = replaces(call, "x-amz-metadata-directive", "Unknown metadata directive.");
  const replaceTags = replaces(call, "x-amz-tagging-directive", "Unknown tagging directive.");
  if (!replaceMetadata && !namesStorageClass(call.headers)) refuseSelfCopy(call, source);
  const own = parseObjectAttributes(call.headers, owned);
  return (kept) => ({
    ...own,
    headers: replaceMetadata ? own.headers : kept.headers,
    metadata: replaceMetadata ? own.metadata : kept.metadata,
    tags: replaceTags ? own.tags : kept.tags,
  });
}

function replaces(call: S3Call, header: string, unknown: string): boolean {
  const directive = call.headers.get(header) ?? "COPY";
  if (directive === "COPY" || directive === "REPLACE") return directive === "REPLACE";
  throw invalidArgument(header, directive, unknown);
}

/**
 * Naming a version is how an older one is made the current one again. Naming a storage class counts
 * as changing it, even if it is the same: that is how objects are rewritten.
 */
function refuseSelfCopy(call: S3Call, source: CopySource): void {
  const { bucket, key } = call.target;
  const other = source.bucket.name !== bucket || !equalBytes(source.key, key);
  if (other || source.version !== undefined) return;
  throw new S3Error("InvalidRequest", {
    message:
      "This copy request is illegal because it is trying to copy an object to itself without changing the " +
      "object's metadata, storage class, website redirect location or encryption attributes.",
  });
}
