import type { Bucket } from "../../object/bucket/buckets.ts";
import type { Refusal } from "../../object/refusal.ts";
import { type VersionRef, parseVersionId } from "../../format/version-id.ts";
import type { HeaderList } from "../../platform/http.ts";
import { type S3Call, refused } from "../call.ts";
import { S3Error, invalidArgument } from "../errors.ts";

// Versions as HTTP speaks of them: the parameter that names one, the headers that tell of one, and delete markers
// that stand in the way of a read.

/** The version that the request names; undefined: the current one. */
export function parseVersion(call: S3Call, bucket: Bucket): VersionRef | undefined {
  const text = call.target.query.get("versionId");
  return text === undefined ? undefined : versionIn(bucket, text);
}

/** `InvalidArgument` where `knownVersion` gives none. */
export function versionIn(bucket: Bucket, text: string): VersionRef {
  const version = knownVersion(bucket, text);
  if (version !== undefined) return version;
  const empty = text === "";
  const message = empty ? "Version id cannot be the empty string" : "Invalid version id specified";
  throw invalidArgument("versionId", text, message);
}

/** Of a bucket that was never versioned, S3 knows the null version alone. */
export function knownVersion({ versioning }: Bucket, text: string): VersionRef | undefined {
  const version = parseVersionId(text);
  return version?.kind === "null" || versioning !== "off" ? version : undefined;
}

/** The id of a new version is not the client's to choose. */
export function refuseVersion(call: S3Call): void {
  const text = call.target.query.get("versionId");
  if (text === undefined) return;
  throw invalidArgument("versionId", text, "This operation does not accept a version-id.");
}

/** The action, which has a name of its own where a version is named: s3:GetObject, s3:GetObjectVersion. */
export function versionAction(action: string, call: S3Call): string {
  return call.target.query.has("versionId") ? action.replace("Object", "ObjectVersion") : action;
}

export function versionHeaders(versionId: string | undefined): HeaderList {
  return versionId === undefined ? [] : [["x-amz-version-id", versionId]];
}

/** S3 names a version that was made only where it has an id of its own. */
export function madeVersionHeaders(versionId: string | undefined): HeaderList {
  return versionId === "null" ? [] : versionHeaders(versionId);
}

/**
 * A read's refusal. Headers tell of a delete marker in its way, and that there is none where nothing is: of HEAD's
 * answers nothing else tells these two apart.
 */
export function refusedVersion(refusal: Refusal, call: S3Call): S3Error {
  const { target, request } = call;
  const { DeleteMarker, VersionId, ...details } = refusal.details ?? {};
  const headers: HeaderList = [["x-amz-delete-marker", "true"], ...versionHeaders(VersionId)];
  if (refusal.refusal === "isDeleteMarker") {
    const marker = { Method: request.head.method, ResourceType: "DeleteMarker" };
    const allowed: HeaderList = [["allow", "DELETE"], ...headers];
    return new S3Error("MethodNotAllowed", { details: marker, headers: allowed });
  }
  const error = refused(DeleteMarker === undefined ? refusal : { ...refusal, details }, target);
  if (error.code !== "NoSuchKey") return error;
  return new S3Error(error.code, {
    details: error.details,
    headers: DeleteMarker === undefined ? [["x-amz-delete-marker", "false"]] : headers,
  });
}
