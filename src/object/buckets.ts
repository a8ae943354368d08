import type { BucketRow } from "../format/bucket-row.ts";
import type { ObjectStore } from "./object-store.ts";
import type { Refusal } from "./refusal.ts";

export interface Bucket extends BucketRow {
  readonly name: string;
}

/** Makes a bucket; at most one of racing creators succeeds. `bucketOwnedByYou` or `bucketExists` where there is one. */
export declare function createBucket(
  store: ObjectStore,
  input: { name: string; owner: string; account: string; region: string },
): Promise<Bucket | Refusal>;

export declare function getBucket(store: ObjectStore, name: string): Promise<Bucket | Refusal>;

/** `bucketNotEmpty` while an object, version or delete marker is in it; unfinished uploads go with it. */
export declare function deleteBucket(
  store: ObjectStore,
  name: string,
): Promise<{ deleted: true } | Refusal>;

/** Buckets in name order, from the first name greater than `after`. */
export declare function listBuckets(
  store: ObjectStore,
  input: { owner: string; prefix?: string | undefined; after?: string | undefined; limit: number },
): Promise<{ buckets: Bucket[]; more: boolean }>;
