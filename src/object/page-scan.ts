import { afterKey, afterPrefix, compareBytes, hasBytesAt, startsWithBytes } from "../base/bytes.ts";
import type { Row, ScanOptions } from "../engine/engine.ts";
import type { BucketId } from "../format/ids.ts";
import { keyBytesMax } from "../format/limits.ts";
import type { KeyRange } from "../format/row-keys.ts";
import type { Partition } from "../keymap/keymap.ts";
import type { ObjectStore } from "./object-store.ts";

/*
 * One page of keys, grouped by delimiter, as LIST gives them. Keys lie in order, so a common prefix
 * is passed by seeking to the first key behind it: a page costs a seek and a row per prefix,
 * however many keys lie under one.
 */

/** @limit Rows read at once: a page of 1,000 and one to see that more follows. */
const batchMax = 1001;

export interface Grouping {
  readonly prefix: Uint8Array;
  /** Undefined or empty: no grouping. */
  readonly delimiter: Uint8Array | undefined;
}

/** A space whose rows lie in the order of object keys; a key may have several. */
export interface PageSource<Item, Found = Row> {
  /** Reads at most `limit` rows in order from this position on, none that `stretch` passes over. */
  scan(from: Uint8Array, limit: number, stretch: KeyStretch): Found[] | Promise<Found[]>;
  /** The least position that a row of this or a greater key can have. */
  startOf(key: Uint8Array): Uint8Array;
  positionOf(row: Found): Uint8Array;
  keyOf(row: Found): Uint8Array;
  /** True if it is listed at all. */
  isShown(row: Found): boolean;
  /** `key` is its `keyOf`. */
  itemOf(row: Found, key: Uint8Array): Item;
}

/**
 * Where in `bytes` the common prefix ends of the key that begins at `bytes[from]`; -1: it is in
 * none.
 */
export type GroupEnd = (bytes: Uint8Array, from: number) => number;

/** Which keys a page has to do with. */
export interface KeyStretch {
  /** The first key behind them; undefined: all of the bucket. */
  readonly end: Uint8Array | undefined;
  /** Undefined where nothing is grouped. */
  readonly groupEnd: GroupEnd | undefined;
}

export type PageItem<Item> = Item | { readonly kind: "prefix"; readonly prefix: Uint8Array };

export interface Page<Item> {
  readonly items: readonly PageItem<Item>[];
  readonly truncated: boolean;
}

/** The items from position `from` on. */
export async function scanPage<Item, Found>(
  source: PageSource<Item, Found>,
  grouping: Grouping,
  from: Uint8Array,
  limit: number,
): Promise<Page<Item>> {
  const items: PageItem<Item>[] = [];
  if (limit === 0) return { items, truncated: false };
  const stretch = { end: afterPrefix(grouping.prefix), groupEnd: groupEndOf(grouping) };
  let passed: Uint8Array | undefined;
  let isHidden = false;
  for (let next = from; ;) {
    // One more than fits, to see whether anything follows; all at once where rows do not
    // show, as there may be a great many of these.
    const count = isHidden ? batchMax : limit + 1 - items.length;
    const found = source.scan(next, count, stretch);
    const rows = found instanceof Promise ? await found : found;
    const before = items.length;
    for (const row of rows) {
      const key = source.keyOf(row);
      if (passed !== undefined && startsWithBytes(key, passed)) continue;
      if (!source.isShown(row)) continue;
      if (items.length === limit) return { items, truncated: true };
      const end = stretch.groupEnd?.(key, 0) ?? -1;
      passed = end < 0 ? undefined : key.subarray(0, end);
      items.push(passed ? { kind: "prefix", prefix: passed } : source.itemOf(row, key));
    }
    const last = rows.at(-1);
    if (rows.length < count || last === undefined) return { items, truncated: false };
    isHidden = items.length === before;
    const inPassed = passed !== undefined && startsWithBytes(source.keyOf(last), passed);
    const behind = inPassed ? afterPrefix(passed!) : undefined;
    if (inPassed && behind === undefined) return { items, truncated: false };
    next = behind === undefined ? afterKey(source.positionOf(last)) : source.startOf(behind);
  }
}

/**
 * Where a page begins that lists what comes after `after` (a key or a common prefix), or
 * everything. A common prefix has come with the first of its keys, so where `after` lies in one,
 * all of it is behind; `prefixOfAfter: "again"` lists it once more, for the keys of it that follow.
 */
export function firstKeyAfter(
  grouping: Grouping,
  after: Uint8Array | undefined,
  prefixOfAfter: "behind" | "again" = "behind",
): Uint8Array | undefined {
  const { prefix } = grouping;
  // No key is as long, and the index takes none that is.
  if (prefix.length > keyBytesMax) return undefined;
  if (after === undefined || compareBytes(after, prefix) < 0) return prefix;
  const group = commonPrefixOf(after, grouping);
  const isBehind = prefixOfAfter === "behind" || group?.length === after.length;
  if (group !== undefined && isBehind && group.length <= keyBytesMax) return afterPrefix(group);
  // holds: C2 page-goes-on-behind-last-key
  return afterKey(after.subarray(0, keyBytesMax));
}

/** The key up to the first delimiter behind the prefix; undefined where there is none. */
export function commonPrefixOf(key: Uint8Array, grouping: Grouping): Uint8Array | undefined {
  const end = groupEndOf(grouping)?.(key, 0) ?? -1;
  return end < 0 ? undefined : key.slice(0, end);
}

function groupEndOf({ prefix, delimiter }: Grouping): GroupEnd | undefined {
  if (delimiter === undefined || delimiter.length === 0) return undefined;
  const [first = 0] = delimiter;
  return (bytes, from) => {
    if (!hasBytesAt(bytes, from, prefix)) return -1;
    let at = bytes.indexOf(first, from + prefix.length);
    while (at >= 0 && !hasBytesAt(bytes, at, delimiter)) at = bytes.indexOf(first, at + 1);
    return at < 0 ? -1 : at + delimiter.length;
  };
}

/** Rows of a bucket in key order, over all partitions that have some. */
export function scanBucket(
  store: ObjectStore,
  bucket: BucketId,
  range: KeyRange,
  options: Omit<ScanOptions, "reverse">,
): Row[] | Promise<Row[]> {
  if (compareBytes(range.start, range.end) >= 0) return [];
  const scan = (partition: Partition, limit: number) =>
    partition.scan(range, { ...options, limit });
  return scanPartitions(store, bucket, options.limit, scan);
}

/**
 * A listing goes on behind a row that is damaged, so that one does not hide a million others. The
 * row is reported in log, metrics and status by what watches the index; reading its key, or
 * deciding whether the bucket is empty, still fails.
 */
export const skipDamaged = (): void => undefined;

/** Scans the partitions of a bucket, one after the other in key order. */
export function scanPartitions<Found>(
  store: ObjectStore,
  bucket: BucketId,
  limit: number,
  scan: (partition: Partition, limit: number) => Found[] | Promise<Found[]>,
): Found[] | Promise<Found[]> {
  const partitions = store.keymap.partitionsOf(bucket);
  const [only, ...others] = partitions;
  if (only !== undefined && others.length === 0) return scan(only, limit);
  return scanEach(partitions, limit, scan);
}

async function scanEach<Found>(
  partitions: readonly Partition[],
  limit: number,
  scan: (partition: Partition, limit: number) => Found[] | Promise<Found[]>,
): Promise<Found[]> {
  const found: Found[] = [];
  for (const partition of partitions) {
    if (found.length === limit) break;
    found.push(...(await scan(partition, limit - found.length)));
  }
  return found;
}
