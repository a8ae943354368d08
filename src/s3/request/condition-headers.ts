import { parseHttpDate } from "../../base/http-date.ts";
import type { RangeCondition, ReadConditions, WriteCondition } from "../../object/conditions.ts";
import type { RangeRequest } from "../../object/read/get.ts";
import type { Headers } from "../../platform/http.ts";
import { conditionNotImplemented, invalidArgument, S3Error } from "../errors.ts";

/** @param prefix "" for GET and HEAD, "x-amz-copy-source-" for the source of a copy. */
export function parseReadConditions(headers: Headers, prefix: string): ReadConditions {
  return {
    ifMatch: etagList(headers.get(`${prefix}if-match`)),
    ifNoneMatch: etagList(headers.get(`${prefix}if-none-match`)),
    ifModifiedSinceMs: date(headers, `${prefix}if-modified-since`),
    ifUnmodifiedSinceMs: date(headers, `${prefix}if-unmodified-since`),
  };
}

/**
 * `If-Range`: a date, or else an ETag; what is neither is the ETag of no object, so that the
 * condition does not hold.
 */
export function parseRangeCondition(headers: Headers): RangeCondition | undefined {
  const sent = headers.get("if-range")?.trim();
  if (sent === undefined) return undefined;
  const atMs = parseHttpDate(sent);
  if (atMs !== undefined) return { kind: "modified", atMs };
  return { kind: "etag", etag: sent.replace(/^"(.*)"$/, "$1") };
}

/**
 * Refuses a value that is no date: if it were ignored, the client would take the answer for one to
 * its condition.
 */
function date(headers: Headers, name: string): number | undefined {
  const sent = headers.get(name);
  if (sent === undefined) return undefined;
  const ms = parseHttpDate(sent.trim());
  if (ms === undefined) throw invalidArgument(name, sent, "The value of the header is not a date");
  return ms;
}

function etagList(header: string | undefined): readonly string[] | undefined {
  if (header === undefined) return undefined;
  return header
    .split(",")
    .map(bareEtag)
    .filter((etag) => etag !== "");
}

/** The ETag without quotes and the mark of a weak one; S3 takes them unquoted too. */
export function bareEtag(etag: string): string {
  return etag
    .trim()
    .replace(/^W\//, "")
    .replace(/^"(.*)"$/, "$1");
}

/**
 * The condition of a PUT, copy or completion. What S3 does not offer must not be ignored: the
 * object would be replaced where the client meant to prevent just that.
 */
export function parseWriteCondition(headers: Headers): WriteCondition {
  refuseDates(headers);
  const ifMatch = headers.get("if-match");
  const ifNoneMatch = headers.get("if-none-match");
  if (ifMatch !== undefined && ifNoneMatch !== undefined) {
    const why = "Multiple conditional request headers present in the request";
    throw conditionNotImplemented("If-Match,If-None-Match", why);
  }
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch.trim() === "*") return { kind: "ifAbsent" };
    throw notAccepted("If-None-Match");
  }
  if (ifMatch === undefined) return { kind: "always" };
  if (ifMatch.trim() === "*") throw notAccepted("If-Match");
  return { kind: "ifMatch", etag: oneEtag(ifMatch) };
}

/** The condition of a DELETE: an ETag, or `*` for whatever is there. */
export function parseDeleteCondition(headers: Headers): WriteCondition {
  refuseDates(headers);
  if (headers.has("if-none-match")) throw notAccepted("If-None-Match");
  const ifMatch = headers.get("if-match");
  return ifMatch === undefined ? { kind: "always" } : { kind: "ifMatch", etag: oneEtag(ifMatch) };
}

function oneEtag(header: string): string {
  const etag = bareEtag(header);
  if (etag !== "" && !etag.includes(",")) return etag;
  throw new S3Error("InvalidRequest", { message: "If-Match takes one ETag for this API" });
}

function refuseDates(headers: Headers): void {
  for (const name of ["If-Modified-Since", "If-Unmodified-Since"]) {
    if (headers.has(name.toLowerCase())) throw notAccepted(name);
  }
}

function notAccepted(header: string): S3Error {
  const why = `We don't accept the provided value of ${header} header for this API`;
  return conditionNotImplemented(header, why);
}

/**
 * `Range`, as S3 reads it: one range of bytes; anything else (several, other units, backwards) is
 * as if there were none. Whether it fits the object is found out there.
 */
export function parseRange(header: string | undefined): RangeRequest | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "");
  if (match === null) return undefined;
  const [, from = "", to = ""] = match;
  if (from === "") return to === "" ? undefined : { kind: "suffix", length: toCount(to) };
  if (to === "") return { kind: "from", first: toCount(from) };
  const range = { kind: "from", first: toCount(from), last: toCount(to) } as const;
  return range.first > range.last ? undefined : range;
}

function toCount(digits: string): number {
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
}
