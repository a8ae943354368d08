import { parseId, type UploadId } from "../../format/ids.ts";
import type { Bucket } from "../../object/bucket/buckets.ts";
import type { Refusal } from "../../object/refusal.ts";
import type { UploadAddress } from "../../object/upload/multipart.ts";
import { parseVersionId, type VersionRef } from "../../format/version-id.ts";
import type { HeaderList } from "../../platform/http.ts";
import { type Place, refused, type S3Call } from "../call.ts";
import { invalidArgument, S3Error } from "../errors.ts";

/** @limit S3's limit for the parts of an upload. */
export const partsMax = 10_000;

/** `partNumber`, from 1 to 10,000; undefined where it is absent. */
export function parsePartNumber(call: S3Call): number | undefined {
  const text = call.target.query.get("partNumber");
  if (text === undefined) return undefined;
  const part = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (part >= 1 && part <= partsMax) return part;
  const message = `Part number must be an integer between 1 and ${partsMax}, inclusive`;
  throw invalidArgument("partNumber", text, message);
}

/** The upload that the query names, and its place as errors name it. */
export interface NamedUpload {
  readonly address: UploadAddress;
  readonly place: Place;
}

/** The upload that the query names; one that can't be ours does not exist. */
export function parseUploadAddress(call: S3Call, bucket: Bucket): NamedUpload {
  const { key, query } = call.target;
  const upload = parseUploadId(query.get("uploadId") ?? "");
  return { address: { bucket, key, upload }, place: { bucket: bucket.name, key, upload } };
}

function parseUploadId(text: string): UploadId {
  const upload = asUploadId(text);
  if (upload !== undefined) return upload;
  throw new S3Error("NoSuchUpload", { details: { UploadId: text } });
}

/** Undefined for what can't be the id of an upload of ours. */
export function asUploadId(text: string): UploadId | undefined {
  return parseId(text);
}

/**
 * A whole number in the query from 0 up, clipped to `max`; an empty one is as if it were not there.
 */
export function parseCountParameter(
  call: S3Call,
  name: string,
  fallback: number,
  max: number,
): number {
  const text = call.target.query.get(name) ?? "";
  if (text === "") return fallback;
  if (!/^-?\d+$/.test(text)) {
    throw invalidArgument(name, text, `Provided ${name} not an integer or within integer range`);
  }
  const value = Number(text);
  if (value >= 0 && value <= 2 ** 31 - 1) return Math.min(value, max);
  const message = `Argument ${name} must be an integer between 0 and 2147483647`;
  throw invalidArgument(name, text, message);
}

// Versions as HTTP speaks of them: the parameter that names one, the headers that name one, and
// delete markers that stand in the way of a read.

/** The version that the request names; undefined: the current one. */
export function parseVersion(call: S3Call, bucket: Bucket): VersionRef | undefined {
  const text = call.target.query.get("versionId");
  return text === undefined ? undefined : versionIn(bucket, text);
}

/** Throws `InvalidArgument` where `knownVersion` finds none. */
export function versionIn(bucket: Bucket, text: string): VersionRef {
  const version = knownVersion(bucket, text);
  if (version !== undefined) return version;
  const empty = text === "";
  const message = empty ? "Version id cannot be the empty string" : "Invalid version id specified";
  throw invalidArgument("versionId", text, message);
}

/**
 * Refuses a version id that the bucket cannot have: if it was never versioned, it has only the null
 * version.
 */
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

/**
 * The action, which has a name of its own where a version is named: s3:GetObject,
 * s3:GetObjectVersion.
 */
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
 * A read's refusal. Headers report a delete marker in its place, and that there is none where
 * nothing is: of HEAD's answers nothing else tells these two apart.
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
