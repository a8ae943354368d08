import type { ExtentRow, Scheme } from "../../format/extent-row.ts";
import { memberFileBytes } from "../extents/extent-health.ts";

/*
 * How much work it is to make a member, as bytes that are read and written: what is left to repair
 * takes as long as its work at the rate of the work done before, also where schemes and sizes
 * differ.
 */

/** What is in its place is read, it is written, and it is read back. */
const movedOfItself = 3;
/**
 * @limit What does not depend on its size, commits, names and syncs above all, takes as long as so
 * many bytes: 5 ms at 200 MB/s.
 */
const fixedBytes = 1024 * 1024;

/** The work for one member; `isRead`: its bytes are still to be read where it is now. */
export function memberWork(row: Pick<ExtentRow, "scheme" | "length">, isRead: boolean): number {
  const sources = isRead ? 1 : sourcesOf(row.scheme);
  return fixedBytes + memberFileBytes(row) * (movedOfItself + sources);
}

/** How many others a lost member is made of. */
function sourcesOf(scheme: Scheme): number {
  if (scheme.kind === "replicated") return 1;
  // Most shards of an LRC with two local groups are made of those of one group.
  return scheme.code === "lrc" ? scheme.data / 2 : scheme.data;
}

/** The part of a member that is made once so much was written and read back of it. */
export function partMade(row: Pick<ExtentRow, "scheme" | "length">, bytesMoved: number): number {
  return Math.min(1, bytesMoved / (movedOfItself * memberFileBytes(row)));
}
