import type { RangeRequest } from "../../object/read/get.ts";

/**
 * `Range`, as S3 reads it: one range of bytes; anything else (several, other units, backwards) is as if there were
 * none. Whether it fits the object is found out there.
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
