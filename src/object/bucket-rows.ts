import { type Ready, whenReady } from "../base/ready.ts";
import { decodeUtf8, encodeUtf8 } from "../base/bytes.ts";
import { RecentMap } from "../base/recent-map.ts";
import type { Row } from "../engine/engine.ts";
import type { BucketRow } from "../format/bucket-row.ts";
import { decodeBucketRow } from "../format/bucket-row.ts";
import type { ChangeId } from "../format/ids.ts";
import { bucketKey, bucketNameOfKey } from "../format/row-keys.ts";
import type { ObjectStore } from "./object-store.ts";
import type { Refusal } from "./refusal.ts";
import { refuse } from "./refusal.ts";
import { readRow } from "../engine/engine.ts";

export interface Bucket extends BucketRow {
  readonly name: string;
}

/** A bucket's row as it was read; its stamp says whether it still is. */
export interface FoundBucket {
  readonly bucket: Bucket;
  readonly row: Row;
}

export function findBucket(store: ObjectStore, name: string): Ready<FoundBucket | undefined> {
  const found = (row: Row | undefined) =>
    row && { bucket: store.bucketsDecoded.decode(name, row), row };
  return whenReady(readRow(store.keymap.system, bucketRowKey(name)), found);
}

/** `noSuchBucket`. */
export function getBucket(store: ObjectStore, name: string): Ready<Bucket | Refusal> {
  const { bucketRead } = store;
  if (bucketRead?.name === name) return bucketRead;
  return whenReady(findBucket(store, name), (found) => found?.bucket ?? refuse("noSuchBucket"));
}

export function bucketRowKey(name: string): Uint8Array {
  return bucketKey(encodeUtf8(name));
}

export function bucketOf(row: Row): Bucket {
  return { name: decodeUtf8(bucketNameOfKey(row.key)), ...decodeBucketRow(row.value) };
}

/** @limit Buckets that a process keeps decoded, of about 1 KiB each … */
const decodedBucketsMax = 1024;
/** @limit … as rows, which are some 200 bytes each. */
const decodedBucketBytesMax = 1024;

/**
 * Decodes rows of buckets. The row is read from the index each time, so it is never out of date
 * (C2); only the meaning of one with the same stamp means is not worked out again, which takes 1.5
 * of the 34 µs of a small GET.
 */
export class DecodedBuckets {
  readonly #known = new RecentMap<string, { readonly stamp: ChangeId; readonly bucket: Bucket }>(
    decodedBucketsMax,
  );

  decode(name: string, { key, value, stamp }: Row): Bucket {
    const known = this.#known.get(name);
    if (known?.stamp === stamp) return known.bucket;
    const bucket = bucketOf({ key, value, stamp });
    if (value.length <= decodedBucketBytesMax) this.#known.set(name, { stamp, bucket });
    return bucket;
  }
}
