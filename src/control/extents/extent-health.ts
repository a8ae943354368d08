import type { ExtentRow, MemberFile } from "../../format/extent-row.ts";
import type { DiskId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import { shardGeometry } from "../../format/shard.ts";
import { neededMembers } from "../../placement/scheme-table.ts";
import type { CanLose } from "../../placement/survival.ts";

/*
 * How far an extent is from its redundancy, by what its row notes and which disks are there.
 */

/**
 * - `full`: all members are whole, and any one may be lost.
 * - `reduced`: some are not, or there are fewer copies than are wanted or copies that differ, and any
 *   one more may be lost.
 * - `none`: the loss of one more member may lose data.
 * - `unreadable`: too few are left to read all of it.
 */
export type RedundancyLevel = "full" | "reduced" | "none" | "unreadable";

export interface ExtentHealth {
  readonly level: RedundancyLevel;
  /** Members that are not whole, or whose disk is not there. */
  readonly lost: readonly number[];
  /** How many more members may be lost, whichever they are; -1 where too many are already. */
  readonly spare: number;
}

export function healthOf(
  { scheme, members }: Pick<ExtentRow, "scheme" | "members">,
  isThere: (disk: DiskId) => boolean,
  canLose: CanLose,
): ExtentHealth {
  const lost = [...members.keys()].filter((member) => {
    const one = members[member];
    return one === undefined || one.state !== "whole" || !isThere(one.disk);
  });
  const spare = spareOf(scheme, members.length, lost, canLose);
  const level =
    spare < 0 ? "unreadable" : spare === 0 ? "none" : lost.length > 0 ? "reduced" : "full";
  return { level, lost, spare };
}

function spareOf(
  scheme: ExtentRow["scheme"],
  members: number,
  lost: readonly number[],
  canLose: CanLose,
): number {
  const bySize = members - lost.length - neededMembers(scheme);
  // Of copies and of Reed–Solomon any so many are enough; other codes have worse losses than that.
  if (scheme.kind === "replicated" || scheme.code === "rs") return Math.max(-1, bySize);
  if (bySize < 0 || !canLose(scheme, lost)) return -1;
  const left = Array.from({ length: members }, (_, i) => i).filter((i) => !lost.includes(i));
  for (let more = 1; more <= bySize; more++) {
    if (!everySubset(left, more, (extra) => canLose(scheme, sorted([...lost, ...extra])))) {
      return more - 1;
    }
  }
  return bySize;
}

function sorted(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b);
}

/** True if it holds of every choice of so many. */
function everySubset(
  from: readonly number[],
  count: number,
  holds: (chosen: readonly number[]) => boolean,
  chosen: readonly number[] = [],
): boolean {
  if (chosen.length === count) return holds(chosen);
  return from.every((one, i) => everySubset(from.slice(i + 1), count, holds, [...chosen, one]));
}

/** What one member's file takes of its disk. */
export function memberFileBytes({ scheme, length }: Pick<ExtentRow, "scheme" | "length">): number {
  if (scheme.kind === "replicated" || length <= extentHeaderBytes) return length;
  const { fileBytes, gapBytes } = shardGeometry(scheme, length);
  return fileBytes - gapBytes;
}

/** What files of an extent take of their disks. */
export function filesBytes(
  { length }: Pick<ExtentRow, "length">,
  files: readonly MemberFile[],
): number {
  return files.reduce((sum, { scheme }) => sum + memberFileBytes({ scheme, length }), 0);
}

/** True of a time if what was freed then is kept for a restore (restore-window.ts). */
export type IsHeld = (droppedMs: number) => boolean;

/**
 * True of an extent that nothing refers to any more, and that the restore window keeps whole. One
 * whose files are being removed has no members.
 */
export function isHeldExtent(
  { state, droppedMs, members }: Pick<ExtentRow, "state" | "droppedMs" | "members">,
  isHeld: IsHeld,
): boolean {
  return state === "dropping" && members.length > 0 && isHeld(droppedMs);
}

/**
 * True if its members can be made again: its length is final, and something is in it that is
 * referred to, or that an index of an earlier time would refer to.
 */
export function isRepairable(
  row: Pick<ExtentRow, "state" | "length" | "droppedMs" | "members">,
  isHeld: IsHeld,
): boolean {
  if (row.state === "open" || row.length <= extentHeaderBytes) return false;
  // holds: C5 held-extents-are-repaired
  return row.state !== "dropping" || isHeldExtent(row, isHeld);
}

/**
 * True where scrub read copies that are not the same, and it is not settled which are right. Then
 * no walk through one of them says what is in the extent.
 */
export function haveDifferentRoots(row: Pick<ExtentRow, "scheme" | "members">): boolean {
  return new Set(rootsOf(row)).size > 1;
}

/** The roots of copies, as far as scrub has read them; none of shards. */
export function rootsOf({ scheme, members }: Pick<ExtentRow, "scheme" | "members">): number[] {
  if (scheme.kind !== "replicated") return [];
  return members.map(({ tableChecksum }) => tableChecksum).filter((root) => root !== 0);
}
