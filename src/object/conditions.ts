import { unreachable } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import type { ObjectRow } from "../format/object-row.ts";
import { type Refusal, refuse } from "./refusal.ts";

/**
 * Preconditions of GET, HEAD and copy sources. ETags as sent, quotes removed; `*` is itself. Times
 * in ms.
 */
export interface ReadConditions {
  readonly ifMatch?: readonly string[] | undefined;
  readonly ifNoneMatch?: readonly string[] | undefined;
  readonly ifModifiedSinceMs?: number | undefined;
  readonly ifUnmodifiedSinceMs?: number | undefined;
}

/**
 * The condition of `If-Range`: the range alone while the object is still the one that the client
 * has a piece of, else all of it.
 */
export type RangeCondition =
  /** The ETag without quotes. A weak one keeps its mark, so that it is no object's. */
  | { readonly kind: "etag"; readonly etag: string }
  /** Last-Modified as it was shown, in ms. */
  | { readonly kind: "modified"; readonly atMs: number };

/** Preconditions of a write: three cases, never two at once. */
export type WriteCondition =
  | { readonly kind: "always" }
  /** If-None-Match: * */
  | { readonly kind: "ifAbsent" }
  /** If-Match: an ETag, quotes removed, or `*` (for delete). */
  | { readonly kind: "ifMatch"; readonly etag: string };

/**
 * Checks a read's conditions against an object, in the order AWS looks at them: If-Match beats
 * If-Unmodified-Since, and If-None-Match beats If-Modified-Since. `preconditionFailed`,
 * `notModified` (details ETag, and LastModifiedMs).
 */
export function checkRead(
  conditions: ReadConditions,
  row: ObjectRow,
  nowMs: number,
): Refusal | undefined {
  const { ifMatch, ifNoneMatch, ifModifiedSinceMs, ifUnmodifiedSinceMs } = conditions;
  const etag = etagOf(row);
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, etag)) return failed("If-Match");
  } else if (ifUnmodifiedSinceMs !== undefined) {
    if (modifiedSince(row, ifUnmodifiedSinceMs)) return failed("If-Unmodified-Since");
  }
  const unchanged = refuse("notModified", {
    details: { ETag: etag, LastModifiedMs: String(row.modifiedMs) },
  });
  if (ifNoneMatch !== undefined) return matches(ifNoneMatch, etag) ? unchanged : undefined;
  // A date in the future is no date a client can have been given: ignored, as HTTP says.
  if (ifModifiedSinceMs !== undefined && ifModifiedSinceMs <= nowMs) {
    if (!modifiedSince(row, ifModifiedSinceMs)) return unchanged;
  }
  return undefined;
}

/**
 * The same for the source of a copy, where everything that does not hold is `preconditionFailed`.
 */
export function checkCopySource(
  conditions: ReadConditions,
  row: ObjectRow,
  nowMs: number,
): Refusal | undefined {
  const refusal = checkRead(conditions, row, nowMs);
  if (refusal === undefined) return undefined;
  const unchanged = conditions.ifNoneMatch === undefined ? "If-Modified-Since" : "If-None-Match";
  return failed(`x-amz-copy-source-${refusal.details?.["Condition"] ?? unchanged}`);
}

/**
 * RFC 9110, section 13.1.5: both are compared for identity, so a date that is only later is another
 * version.
 */
export function isStillSame(condition: RangeCondition, row: ObjectRow): boolean {
  switch (condition.kind) {
    case "etag":
      return condition.etag === etagOf(row);
    case "modified":
      return Math.floor(row.modifiedMs / 1000) === Math.floor(condition.atMs / 1000);
    default:
      return unreachable(condition);
  }
}

/**
 * Decides if a write may replace `current` (undefined: no object there, or a delete marker).
 * `preconditionFailed`, or `noSuchKey` where If-Match meets nothing.
 */
export function checkWrite(
  condition: WriteCondition,
  current: ObjectRow | undefined,
): Refusal | undefined {
  switch (condition.kind) {
    case "always":
      return undefined;
    case "ifAbsent":
      return current === undefined ? undefined : failed(conditionName(condition));
    case "ifMatch":
      if (current === undefined) return refuse("noSuchKey");
      return matches([condition.etag], etagOf(current))
        ? undefined
        : failed(conditionName(condition));
    default:
      return unreachable(condition);
  }
}

/** The header of a write's condition, as errors name it. */
export function conditionName(condition: WriteCondition): string {
  return condition.kind === "ifAbsent" ? "If-None-Match" : "If-Match";
}

function failed(condition: string): Refusal {
  return refuse("preconditionFailed", { details: { Condition: condition } });
}

function matches(asked: readonly string[], etag: string): boolean {
  return asked.includes("*") || asked.includes(etag);
}

/** HTTP dates have whole seconds, so an object is as old as the second it was written in. */
function modifiedSince(row: ObjectRow, sinceMs: number): boolean {
  return Math.floor(row.modifiedMs / 1000) > Math.floor(sinceMs / 1000);
}

/** S3's ETag without quotes: the MD5, with the number of parts behind it where there were parts. */
export function etagOf({ md5, partCount }: Pick<ObjectRow, "md5" | "partCount">): string {
  return partCount === 0 ? md5Etag(md5) : `${md5Etag(md5)}-${partCount}`;
}

/** The ETag of bytes stored in one go, an object's or a part's. */
export function md5Etag(md5: Uint8Array): string {
  return toHex(md5);
}
