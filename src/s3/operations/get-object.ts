import { decodeUtf8 } from "../../base/bytes.ts";
import { formatHttpDate } from "../../base/http-date.ts";
import { type Ready, whenReady } from "../../base/ready.ts";
import {
  type GetInput,
  getObject as readObject,
  headObject as readHead,
} from "../../object/read/get.ts";
import { isRefusal, type Refusal } from "../../object/refusal.ts";
import type { HttpResponse } from "../../platform/http.ts";
import { type Operation, permit, refused, type S3Call } from "../call.ts";
import { S3Error } from "../errors.ts";
import {
  parseRange,
  parseRangeCondition,
  parseReadConditions,
} from "../request/condition-headers.ts";
import {
  parsePartNumber,
  parseVersion,
  refusedVersion,
  versionAction,
} from "../request/object-parameters.ts";
import { checkResponseOverrides, objectHeaders } from "../response/object-response.ts";

/** An object in memory is answered without a wait, and so without a promise. */
export const getObject: Operation = (call) =>
  whenReady(openRead(call), (input) =>
    whenReady(readObject(call.objects, input), (read) => {
      if (isRefusal(read)) return refusedRead(read, call);
      const status = read.partial ? 206 : 200;
      const headers = objectHeaders(call, read);
      return whenReady(read.body.begin(), (body) => ({ status, headers, body }));
    }),
  );

export const headObject: Operation = (call) =>
  whenReady(openRead(call), (input) =>
    whenReady(readHead(call.objects, input), (info) =>
      isRefusal(info)
        ? refusedRead(info, call)
        : { status: info.partial ? 206 : 200, headers: objectHeaders(call, info) },
    ),
  );

/** S3 has given up making torrents: there is none of any object. */
export const getObjectTorrent: Operation = async (call) => {
  const { bucket, key } = call.target;
  await permit(call, "s3:GetObjectTorrent", { bucket, key });
  throw new S3Error("NoSuchKey", { details: { Key: decodeUtf8(key) } });
};

// GET and HEAD ask the same questions and are refused alike.

/** Asks whether the caller may read, and says what. */
export function openRead(call: S3Call): Ready<GetInput> {
  const { bucket, key } = call.target;
  return whenReady(permit(call, versionAction("s3:GetObject", call), { bucket, key }), (found) => {
    const version = parseVersion(call, found);
    checkResponseOverrides(call);
    return {
      bucket: found,
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

/** Not an error: the client has the object already, and the answer names it. */
function notModified({ details }: Refusal): HttpResponse {
  const headers: [string, string][] = [];
  if (details?.["ETag"] !== undefined) headers.push(["etag", `"${details["ETag"]}"`]);
  if (details?.["LastModifiedMs"] !== undefined) {
    headers.push(["last-modified", formatHttpDate(Number(details["LastModifiedMs"]))]);
  }
  return { status: 304, headers };
}
