import { compareBytes, toHex } from "../base/bytes.ts";
import type { CommitRecordHead, LogPosition } from "../format/commit-record.ts";

/*
 * Which records of the commit log count. Each names the one before it, so from a position that is
 * known there is one way on, but for this: a process died when its record was in the log and its
 * commit had not happened, and another process, which did not know of it, made another record with
 * the same number. Then the one that has a successor counts; where none has, the one that was made
 * later: by the generation of its process, then by the machine's clock. The earlier one was
 * answered to nobody, since a commit is answered after it happened, and the later one was made by a
 * process that saw that it had not.
 */

/** What chooses between records; callers keep where they stand beside it. */
export type ChainedRecord = Pick<
  CommitRecordHead,
  "sequence" | "checksum" | "previous" | "generation" | "instantUs"
>;

export interface Chain<Found extends ChainedRecord> {
  /** The first is the one behind the position. */
  readonly records: readonly Found[];
  /**
   * The lowest sequence of a record that lies behind the chain's end, and is not reached by it:
   * records are missing in between, or the position is not one of this log.
   */
  readonly gapBefore: number | undefined;
}

/** @param found all records that were found behind the position; copies of one count once. */
export function chainFrom<Found extends ChainedRecord>(
  from: LogPosition,
  found: Iterable<Found>,
): Chain<Found> {
  const followers = new Map<string, Map<string, Found>>();
  const sequences = new Set<number>();
  for (const record of found) {
    if (record.sequence <= from.sequence) continue;
    sequences.add(record.sequence);
    const key = keyOf(record.sequence, record.previous);
    const same = followers.get(key) ?? new Map<string, Found>();
    same.set(toHex(record.checksum), record);
    followers.set(key, same);
  }
  const records: Found[] = [];
  let position = from;
  const followersOf = ({ sequence, checksum }: LogPosition): Found[] => [
    ...(followers.get(keyOf(sequence + 1, checksum))?.values() ?? []),
  ];
  for (;;) {
    const next = chooseOf(followersOf(position), followersOf);
    if (next === undefined) break;
    records.push(next);
    position = next;
  }
  let gapBefore: number | undefined;
  for (const sequence of sequences) {
    if (sequence > position.sequence) gapBefore = Math.min(gapBefore ?? sequence, sequence);
  }
  return { records, gapBefore };
}

function chooseOf<Found extends ChainedRecord>(
  candidates: readonly Found[],
  followersOf: (position: LogPosition) => readonly Found[],
): Found | undefined {
  const [first, ...others] = candidates;
  if (first === undefined || others.length === 0) return first;
  // holds: C1 record-with-a-successor-counts
  const followed = candidates.filter((record) => followersOf(record).length > 0);
  const among = followed.length > 0 ? followed : candidates;
  return among.reduce((a, b) => (isLater(b, a) ? b : a));
}

function isLater(a: ChainedRecord, b: ChainedRecord): boolean {
  if (a.generation !== b.generation) return a.generation > b.generation;
  if (a.instantUs !== b.instantUs) return a.instantUs > b.instantUs;
  return compareBytes(a.checksum, b.checksum) > 0;
}

function keyOf(sequence: number, previous: Uint8Array): string {
  return `${sequence} ${toHex(previous)}`;
}
