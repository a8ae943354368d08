import type { Ready } from "../base/ready.ts";
import { afterKey, afterPrefix, compareBytes, compareBytesFrom } from "../base/bytes.ts";
import type { Row, ScanOptions } from "../engine/engine.ts";
import { objectOrderOf } from "../format/object-row.ts";
import {
  compareBuckets,
  headKey,
  type KeyRange,
  objectKeyOfHead,
  objectKeyOfRouted,
  orderOfVersionKey,
  parseHeadKey,
  parseRoutedKey,
  routedPrefixBytes,
  routedRange,
  space,
  spaceRange,
  versionKey,
} from "../format/row-keys.ts";
import type { BucketId } from "../format/ids.ts";
import type { Partition } from "../keymap/keymap.ts";

/*
 * The versions of keys in order: by key, newest first, wherever their rows stand. A version moves
 * between the head of its key and the versions space, so that a reader of first the one and then
 * the other may miss it in both. But its *position*, key and order, never changes: it is the key of
 * its row in the versions space, or the one that a head would have there. Each page is read in one
 * snapshot and goes from position to position. So a scan of many pages meets every version that is
 * there from its beginning to its end exactly once, whatever moves meanwhile.
 */

export interface ScannedVersion {
  readonly key: Uint8Array;
  /** The row as it stands. */
  readonly row: Row;
  /** The current version of its key. */
  readonly isHead: boolean;
}

/**
 * Where versions may stand: the same keys in both spaces, but that the older ones begin at a
 * position.
 */
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

export interface VersionScanOptions extends Pick<ScanOptions, "limit" | "onDamaged"> {
  /**
   * Finds, for a key that begins at `bytes[from]`, where in `bytes` what it has in common with
   * others ends, whose versions are passed over; -1: with none.
   */
  readonly groupEnd?: ((bytes: Uint8Array, from: number) => number) | undefined;
}

/**
 * Reads at most `limit` versions in a range, all of one moment. What `groupEnd` passes over may
 * come once more.
 */
export function scanVersions(
  partition: Partition,
  range: VersionRange,
  { limit, onDamaged, groupEnd }: VersionScanOptions,
): Ready<ScannedVersion[]> {
  return partition.inSnapshot(async (reader) => {
    const older = await reader.scan(range.older, {
      limit,
      onDamaged,
      skipTo: groupEnd && skippingOlder(range.older, groupEnd),
    });
    // The head of the first key may lie before the range, being newer than its start.
    const heads = await reader.scan(headsUpTo(range.heads, older, limit), {
      limit: limit + 1,
      onDamaged,
      skipTo: groupEnd && skippingHeads(groupEnd),
    });
    const [first] = heads;
    const isOutside = first && compareBytes(headPosition(first), range.older.start) < 0;
    return merged(isOutside ? heads.slice(1) : heads, older).slice(0, limit);
  });
}

type Skipping = NonNullable<ScanOptions["skipTo"]>;

/**
 * A head's row key has the object key as it is: what is behind a group is behind these bytes of it.
 */
function skippingHeads(groupEnd: NonNullable<VersionScanOptions["groupEnd"]>): Skipping {
  return ({ key }) => {
    const end = groupEnd(key, routedPrefixBytes);
    return end < 0 ? undefined : afterPrefix(key, end);
  };
}

function skippingOlder(
  range: KeyRange,
  groupEnd: NonNullable<VersionScanOptions["groupEnd"]>,
): Skipping {
  return (row) => {
    const { bucket, key } = parseRoutedKey(row.key);
    const end = groupEnd(key, 0);
    if (end < 0) return undefined;
    const behind = afterPrefix(key, end);
    return behind === undefined ? range.end : routedRange(space.versions, bucket, behind).start;
  };
}

/** The heads that can come among as many older versions as were asked for. */
function headsUpTo(heads: KeyRange, older: readonly Row[], limit: number): KeyRange {
  const last = older.length < limit ? undefined : older.at(-1);
  if (last === undefined) return heads;
  const { bucket, key } = parseRoutedKey(last.key);
  const end = afterKey(headKey(bucket, key));
  return compareBytes(end, heads.end) < 0 ? { start: heads.start, end } : heads;
}

/** Both in the order of positions, as each is in itself. */
function merged(heads: readonly Row[], older: readonly Row[]): ScannedVersion[] {
  const all: ScannedVersion[] = [];
  let at = 0;
  for (const row of older) {
    const key = objectKeyOfRouted(row.key);
    for (let head = heads[at]; head && isBefore(head, row, key); head = heads[++at]) {
      all.push(versionOfHead(head));
    }
    all.push({ key, row, isHead: false });
  }
  for (let head = heads[at]; head; head = heads[++at]) all.push(versionOfHead(head));
  return all;
}

function versionOfHead(row: Row): ScannedVersion {
  return { key: objectKeyOfHead(row.key), row, isHead: true };
}

/**
 * Whether a head comes before an older version, whose key is given: by bucket, by key, and the
 * newer one first.
 */
function isBefore(head: Row, older: Row, olderKey: Uint8Array): boolean {
  const byBucket = compareBuckets(head.key, older.key);
  const byPlace = byBucket || compareBytesFrom(head.key, routedPrefixBytes, olderKey, 0);
  return byPlace < 0 || (byPlace === 0 && objectOrderOf(head.value) > orderOfVersionKey(older.key));
}

/** Where the version sorts, whichever space it stands in. */
export function positionOf({ row, isHead }: ScannedVersion): Uint8Array {
  return isHead ? headPosition(row) : row.key;
}

function headPosition({ key: rowKey, value }: Row): Uint8Array {
  const { bucket, key } = parseHeadKey(rowKey);
  return versionKey(bucket, key, objectOrderOf(value));
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
    rest = versionsFrom(rest, afterKey(positionOf(last)));
  }
}
