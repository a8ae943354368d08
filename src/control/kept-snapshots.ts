import type { EngineReader } from "../engine/engine.ts";
import { type FoundSegment, segmentBytes } from "../extent/log-scan.ts";
import { type FoundSnapshot, snapshotBytes } from "../extent/snapshot-files.ts";
import { isDiskError } from "../platform/disk.ts";
import type { Clock } from "../platform/platform.ts";
import { readRestoreWindow } from "./restore-window.ts";
import type { SegmentEnds } from "./segment-ends.ts";

export interface DatedSnapshot {
  readonly sequence: number;
  readonly createdMs: number;
}

/** Two: if the newest cannot be read, the log reaches back to the one before. */
const snapshotsKept = 2;
/**
 * @limit Snapshots of one restore window, besides the one at its beginning and the two newest: so
 * an eighth of the window's log is applied at the most, and not all of it, to restore to a time.
 */
const snapshotsOfWindow = 8;

/**
 * Which snapshots are kept, the newest first, and which are not. The log is kept behind the oldest
 * of them; none is given while there are too few to trim it.
 */
export async function keptSnapshots(
  {
    platform,
    index,
  }: { readonly platform: { readonly clock: Clock }; readonly index: EngineReader },
  snapshots: readonly DatedSnapshot[],
): Promise<{ readonly kept: readonly number[]; readonly needless: readonly number[] }> {
  const { windowMs } = (await readRestoreWindow(index)) ?? { windowMs: 0 };
  return chooseKept(snapshots, { windowMs, nowMs: platform.clock.now() });
}

/** What the restore window alone keeps of the index, on all disks. */
export interface HeldIndexBytes {
  readonly logBytes: number;
  readonly snapshotBytes: number;
}

/** The snapshot behind which the log is kept without a restore window; undefined: there is none. */
export function oldestNeeded(usable: readonly DatedSnapshot[]): number | undefined {
  const nowMs = Number.POSITIVE_INFINITY; // later than any
  return chooseKept(usable, { windowMs: 0, nowMs }).kept.at(-1);
}

/** Counts what would be removed if this were the oldest snapshot that is kept. */
export async function heldIndexBytes(
  oldest: number | undefined,
  snapshots: readonly FoundSnapshot[],
  segments: readonly FoundSegment[],
  ends: SegmentEnds,
): Promise<HeldIndexBytes> {
  if (oldest === undefined) return { logBytes: 0, snapshotBytes: 0 };
  let logBytes = 0;
  for (const segment of segments) {
    if (await ends.isBefore(segment, segments, oldest)) logBytes += await segmentBytes(segment);
  }
  let bytes = 0;
  for (const { disk, head } of snapshots) {
    if (head.position.sequence >= oldest) continue;
    bytes += await snapshotBytes(disk, head.position.sequence).catch(noneWhereTheDiskFails);
  }
  return { logBytes, snapshotBytes: bytes };
}

function noneWhereTheDiskFails(error: unknown): 0 {
  if (isDiskError(error)) return 0;
  throw error;
}

/** @param snapshots in any order. */
export function chooseKept(
  snapshots: readonly DatedSnapshot[],
  { windowMs, nowMs }: { readonly windowMs: number; readonly nowMs: number },
): { readonly kept: readonly number[]; readonly needless: readonly number[] } {
  const oldestFirst = snapshots.toSorted((a, b) => a.sequence - b.sequence);
  if (oldestFirst.length < snapshotsKept) return { kept: [], needless: [] };
  // A restore to the window's beginning begins with the last one from before it.
  const before = oldestFirst.findLastIndex(({ createdMs }) => createdMs <= nowMs - windowMs);
  const first = Math.min(Math.max(before, 0), oldestFirst.length - snapshotsKept);
  const kept: number[] = [];
  const needless: number[] = [];
  let lastKeptMs = Number.NEGATIVE_INFINITY;
  for (const [place, { sequence, createdMs }] of oldestFirst.entries()) {
    const isSpaced = createdMs >= lastKeptMs + windowMs / snapshotsOfWindow;
    const isNewest = place >= oldestFirst.length - snapshotsKept;
    if (place >= first && (isSpaced || isNewest)) {
      kept.unshift(sequence);
      lastKeptMs = createdMs;
    } else needless.push(sequence);
  }
  return { kept, needless };
}
