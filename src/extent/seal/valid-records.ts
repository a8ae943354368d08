import type { ExtentId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { Platform } from "../../platform/platform.ts";
import type { ReadableMember } from "../extent-member.ts";
import { scanRecords } from "../extent-scan.ts";

/** Bytes of an extent, from `start` to `end`, that are valid records one behind the other. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** All valid records of a member, in order. */
export async function validRecords(
  platform: Pick<Platform, "hash">,
  extent: ExtentId,
  file: ReadableMember,
): Promise<Stretch[]> {
  const stretches: Stretch[] = [];
  for await (const seen of scanRecords({ platform, file, extent, from: extentHeaderBytes })) {
    if (seen.kind === "record" && seen.payloadError === undefined) {
      // holds: C1 sealed-behind-last-record
      add(stretches, { start: seen.offset, end: seen.end });
    }
  }
  return stretches;
}

/** What is in any of them. */
export function unionOf(lists: readonly (readonly Stretch[])[]): Stretch[] {
  const union: Stretch[] = [];
  for (const stretch of lists.flat().sort((a, b) => a.start - b.start)) add(union, stretch);
  return union;
}

/** What is in the first and not in the second; each is in order. */
export function without(all: readonly Stretch[], taken: readonly Stretch[]): Stretch[] {
  const left: Stretch[] = [];
  for (const { start, end } of all) {
    let at = start;
    for (const other of taken) {
      if (other.end <= at || other.start >= end) continue;
      if (other.start > at) left.push({ start: at, end: other.start });
      at = other.end;
    }
    if (at < end) left.push({ start: at, end });
  }
  return left;
}

export function bytesIn(stretches: readonly Stretch[]): number {
  return stretches.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** Adds one that does not begin before those there. */
function add(stretches: Stretch[], { start, end }: Stretch): void {
  const last = stretches.at(-1);
  if (last === undefined || start > last.end) stretches.push({ start, end });
  else stretches[stretches.length - 1] = { start: last.start, end: Math.max(last.end, end) };
}
