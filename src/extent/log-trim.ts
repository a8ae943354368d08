import type { Hash } from "../platform/hash.ts";
import type { Log } from "../platform/platform.ts";
import { isDiskError } from "../platform/disk.ts";
import type { FoundSegment } from "./log-scan.ts";
import { isSame, isWhollyBefore, scanSegment } from "./log-scan.ts";
import { logSegmentFile } from "../format/log-segment.ts";

/**
 * Removes the segments that hold nothing behind `sequence`. A segment whose writer may still append
 * to it is sealed on every disk first, and then looked through: what was appended before is found,
 * and what comes later is not answered for. Returns how many copies went.
 */
export async function trimLog(
  { hash, log }: { readonly hash: Hash; readonly log: Log },
  segments: readonly FoundSegment[],
  sequence: number,
): Promise<number> {
  let removed = 0;
  const done: FoundSegment[] = [];
  for (const segment of segments) {
    if (done.some(({ header }) => isSame(header, segment.header))) continue;
    done.push(segment);
    if (segment.header.firstSequence > sequence) continue;
    const copies = segments.filter(({ header }) => isSame(header, segment.header));
    const isOver = isWhollyBefore(segment.header, segments, sequence);
    // Most of those that are not over hold later records: then they need not be sealed.
    if (!isOver && (await reachesBehind(hash, copies, sequence))) continue;
    const sealed = await sealAll(log, copies);
    // So few are not sealed that nothing more can be acknowledged.
    const { members, acknowledged } = segment.header;
    const isFenced = members.length - sealed.length < acknowledged;
    if (!isOver && !isFenced) continue;
    // holds: C1 log-segment-looked-through-once-sealed
    if (!isOver && (await reachesBehind(hash, copies, sequence))) continue;
    for (const copy of sealed) removed += await dropCopy(log, copy, sequence);
  }
  return removed;
}

/** A disk that fails keeps its copy, which goes once the disk is back. */
async function sealAll(log: Log, copies: readonly FoundSegment[]): Promise<FoundSegment[]> {
  const sealed: FoundSegment[] = [];
  for (const copy of copies) {
    const { on, header } = copy;
    try {
      if (await on.log.seal(header)) sealed.push(copy);
    } catch (error) {
      if (!isDiskError(error)) throw error;
      notTrimmed(log, copy, error.message);
    }
  }
  return sealed;
}

async function dropCopy(log: Log, copy: FoundSegment, upTo: number): Promise<number> {
  const { on, header } = copy;
  try {
    const dropped = await on.log.drop(header);
    if (dropped.outcome === "kept") notTrimmed(log, copy, dropped.why);
    if (dropped.outcome !== "removed") return 0;
    const fields = { disk: on.log.name, file: logSegmentFile(header), bytes: dropped.bytes, upTo };
    log("debug", "log_segment_removed", fields);
    return 1;
  } catch (error) {
    if (!isDiskError(error)) throw error;
    notTrimmed(log, copy, error.message);
    return 0;
  }
}

function notTrimmed(log: Log, { on, header }: FoundSegment, why: string): void {
  log("warn", "log_segment_kept", { disk: on.log.name, file: logSegmentFile(header), why });
}

async function reachesBehind(
  hash: Hash,
  copies: readonly FoundSegment[],
  sequence: number,
): Promise<boolean> {
  for (const copy of copies) {
    for await (const { head } of scanSegment(hash, copy)) {
      if (head.sequence > sequence) return true;
    }
  }
  return false;
}
