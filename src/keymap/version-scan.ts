import { afterKey, compareBytes } from "../base/bytes.ts";
import type { Row, ScanOptions } from "../engine/engine.ts";
import { objectOrderOf } from "../format/object-row.ts";
import type { KeyRange } from "../format/row-keys.ts";
import {
  headKey,
  parseHeadKey,
  parseRoutedKey,
  routedRange,
  space,
  spaceRange,
  versionKey,
} from "../format/row-keys.ts";
import type { BucketId } from "../format/ids.ts";
import type { Partition } from "./keymap.ts";

/*
 * The versions of keys in order: by key, newest first, wherever their rows stand. A version moves between
 * the head of its key and the versions space, so that whoever reads first the one and then the other may
 * miss it in both. But its *position*, key and order, never changes: it is the key of its row in the
 * versions space, or the one that a head would have there. Each page is read in one snapshot and goes
 * from position to position. So a scan of many pages meets every version that is there from its beginning
 * to its end exactly once, whatever moves meanwhile.
 */

export interface ScannedVersion {
  readonly position: Uint8Array;
  /** The row as it stands. */
  readonly row: Row;
  /** The current version of its key. */
  readonly isHead: boolean;
}

/** Where versions may stand: the same keys in both spaces, but that the older ones begin at a position. */
export interface VersionRange {
  readonly heads: KeyRange;
  readonly older: KeyRange;
}

/** All versions of all keys. */
export function allVersions(): VersionRange {
  return { heads: spaceRange(space.heads), older: spaceRange(space.versions) };
}

export function versionsOfKey(bucket: BucketId, key: Uint8Array): VersionRange {
  const head = headKey(bucket, key);
  const older = routedRange(space.versions, bucket, key);
  return { heads: { start: head, end: afterKey(head) }, older };
}

/** The rest of a range, from a position on. */
export function versionsFrom({ heads, older }: VersionRange, start: Uint8Array): VersionRange {
  const { bucket, key } = parseRoutedKey(start);
  return {
    heads: { start: headKey(bucket, key), end: heads.end },
    older: { start, end: older.end },
  };
}

/** At most `limit` versions in a range, all of one moment. */
export function scanVersions(
  partition: Partition,
  range: VersionRange,
  { limit, onDamaged }: Pick<ScanOptions, "limit" | "onDamaged">,
): Promise<ScannedVersion[]> {
  return partition.inSnapshot(async (reader) => {
    // The head of the first key may lie before the range, being newer than its start.
    const heads = await reader.scan(range.heads, { limit: limit + 1, onDamaged });
    const older = await reader.scan(range.older, { limit, onDamaged });
    const all = [
      ...heads.map(headAt).filter(({ position }) => compareBytes(position, range.older.start) >= 0),
      ...older.map((row) => ({ position: row.key, row, isHead: false })),
    ];
    return all.sort((a, b) => compareBytes(a.position, b.position)).slice(0, limit);
  });
}

function headAt(row: Row): ScannedVersion {
  const { bucket, key } = parseHeadKey(row.key);
  return { position: versionKey(bucket, key, objectOrderOf(row.value)), row, isHead: true };
}

/** All versions in a range, by pages of at most `limit`. No page is empty. */
export async function* scanVersionPages(
  partition: Partition,
  range: VersionRange,
  limit: number,
): AsyncGenerator<ScannedVersion[], void, undefined> {
  for (let rest = range; ;) {
    const versions = await scanVersions(partition, rest, { limit });
    const last = versions.at(-1);
    if (last === undefined) return;
    yield versions;
    if (versions.length < limit) return;
    rest = versionsFrom(rest, afterKey(last.position));
  }
}
