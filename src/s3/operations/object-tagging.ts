import { isRefusal, type Refusal, refuse } from "../../object/refusal.ts";
import { getTags, putTags, type TagsAddress } from "../../object/write/tags.ts";
import type { HeaderList } from "../../platform/http.ts";
import { type Operation, permit, type S3Call, xmlResponse } from "../call.ts";
import type { S3Error } from "../errors.ts";
import { parseTagging, taggingDocument } from "../request/tagging.ts";
import { readWholeBody } from "../request/body.ts";
import {
  parseVersion,
  refusedVersion,
  versionAction,
  versionHeaders,
} from "../request/object-parameters.ts";

// GetObjectTagging, PutObjectTagging and DeleteObjectTagging, after what they have in common.

/** Asks whether the caller may, and says whose tags they are. */
export async function openTagging(call: S3Call, action: string): Promise<TagsAddress> {
  const { bucket, key } = call.target;
  const found = await permit(call, versionAction(action, call), { bucket, key });
  return { bucket: found, key, version: parseVersion(call, found) };
}

export async function replaceTags(
  call: S3Call,
  input: Parameters<typeof putTags>[1],
): Promise<HeaderList> {
  const done = await putTags(call.objects, input);
  if (isRefusal(done)) throw refusedTagging(done, call);
  return versionHeaders(done.versionId);
}

/** Delete markers have no tags, and a current one is there for S3 as any other is. */
export function refusedTagging(refusal: Refusal, call: S3Call): S3Error {
  const { VersionId, DeleteMarker } = refusal.details ?? {};
  const isMarker = DeleteMarker !== undefined && VersionId !== undefined;
  return refusedVersion(
    isMarker ? refuse("isDeleteMarker", { details: { VersionId } }) : refusal,
    call,
  );
}

export const getObjectTagging: Operation = async (call) => {
  const address = await openTagging(call, "s3:GetObjectTagging");
  const found = await getTags(call.objects, address);
  if (isRefusal(found)) throw refusedTagging(found, call);
  return xmlResponse(taggingDocument(found.tags), versionHeaders(found.versionId));
};

/**
 * @limit Ten tags of 128 and 256 characters, each of which may be written as a reference of ten.
 */
const taggingBytesMax = 64 * 1024;

export const putObjectTagging: Operation = async (call) => {
  const address = await openTagging(call, "s3:PutObjectTagging");
  const tags = parseTagging(await readWholeBody(call, taggingBytesMax));
  return { status: 200, headers: await replaceTags(call, { ...address, tags }) };
};

export const deleteObjectTagging: Operation = async (call) => {
  const address = await openTagging(call, "s3:DeleteObjectTagging");
  return { status: 204, headers: await replaceTags(call, { ...address, tags: [] }) };
};
