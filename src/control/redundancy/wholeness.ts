import type { Shortage } from "../extents/redundancy-tally.ts";
import type { RepairStatistics } from "./repair.ts";

/** True only if every member of every extent is whole and where it should be, as last counted. */
export function isAllWhole(
  { extents, isLooking }: Pick<RepairStatistics, "extents" | "isLooking">,
  counted: Pick<Shortage, "shortExtents" | "narrowExtents"> | undefined,
): boolean {
  if (counted === undefined) return false;
  const { shortExtents, narrowExtents } = counted;
  // holds: C8 not-whole-while-short
  return shortExtents === 0 && narrowExtents === 0 && extents === 0 && !isLooking;
}

/**
 * Time until all is whole. It is not known where members are short, and none is to be made now; nor
 * where compaction has copies to write anew that are too few.
 */
export function leftUntilWhole(
  repair: Pick<RepairStatistics, "extents" | "isLooking" | "leftMs">,
  counted: Shortage | undefined,
): number | undefined {
  if (isAllWhole(repair, counted)) return repair.leftMs;
  const isOthers = repair.extents === 0 || (counted?.narrowExtents ?? 0) > 0;
  return isOthers ? undefined : repair.leftMs;
}
