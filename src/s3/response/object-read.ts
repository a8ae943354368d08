import { type Ready, whenReady } from "../../base/ready.ts";
import { formatHttpDate } from "../../base/http-date.ts";
import type { GetInput } from "../../object/read/get.ts";
import type { Refusal } from "../../object/refusal.ts";
import type { HttpResponse } from "../../platform/http.ts";
import { type S3Call, permit, refused } from "../call.ts";
import { parseRangeCondition, parseReadConditions } from "../request/condition-headers.ts";
import { parsePartNumber } from "../request/object-parameters.ts";
import { checkResponseOverrides } from "./object-response.ts";
import { parseRange } from "../request/range-header.ts";
import { parseVersion, refusedVersion, versionAction } from "../request/versions.ts";

// What GET and HEAD of an object have in common: the same questions, and the same refusals.

/** Asks whether the caller may read, and says what. */
export function openRead(call: S3Call): Ready<GetInput> {
  const { bucket, key } = call.target;
  return whenReady(permit(call, versionAction("s3:GetObject", call), { bucket, key }), (found) => {
    const version = parseVersion(call, found);
    checkResponseOverrides(call);
    return {
      bucket,
      key,
      version,
      conditions: parseReadConditions(call.headers, ""),
      range: parseRange(call.headers.get("range")),
      rangeIf: parseRangeCondition(call.headers),
      partNumber: parsePartNumber(call),
      peer: call.request,
    };
  });
}

export function refusedRead(refusal: Refusal, call: S3Call): HttpResponse {
  if (refusal.refusal === "notModified") return notModified(refusal);
  if (refusal.refusal !== "invalidRange") throw refusedVersion(refusal, call);
  const asked = { RangeRequested: call.headers.get("range") ?? "" };
  throw refused({ ...refusal, details: { ...asked, ...refusal.details } }, call.target);
}

/** Not an error: the client has the object already, and is told which one that is. */
function notModified({ details }: Refusal): HttpResponse {
  const headers: [string, string][] = [];
  if (details?.["ETag"] !== undefined) headers.push(["etag", `"${details["ETag"]}"`]);
  if (details?.["LastModifiedMs"] !== undefined) {
    headers.push(["last-modified", formatHttpDate(Number(details["LastModifiedMs"]))]);
  }
  return { status: 304, headers };
}
