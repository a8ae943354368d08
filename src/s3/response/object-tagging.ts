import { type Refusal, isRefusal, refuse } from "../../object/refusal.ts";
import { type TagsAddress, putTags } from "../../object/write/tags.ts";
import type { HeaderList } from "../../platform/http.ts";
import { type S3Call, permit } from "../call.ts";
import type { S3Error } from "../errors.ts";
import {
  parseVersion,
  refusedVersion,
  versionAction,
  versionHeaders,
} from "../request/versions.ts";

// What the three operations on an object's tags have in common.

/** Asks whether the caller may, and says whose tags they are. */
export async function openTagging(call: S3Call, action: string): Promise<TagsAddress> {
  const { bucket, key } = call.target;
  const found = await permit(call, versionAction(action, call), { bucket, key });
  return { bucket, key, version: parseVersion(call, found) };
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
