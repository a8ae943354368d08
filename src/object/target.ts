import { keyBytesMax } from "../format/limits.ts";
import type { KeyPlace } from "../rows/versions.ts";
import type { Bucket } from "./decoded-buckets.ts";
import type { ObjectStore } from "./object-store.ts";
import { type Refusal, refuse } from "./refusal.ts";

/** A key of a bucket, and the partition its rows are in. */
export interface Target extends KeyPlace {
  readonly bucket: Bucket;
}

/** `invalidRequest`, `keyTooLong`. */
export function openTarget(store: ObjectStore, bucket: Bucket, key: Uint8Array): Target | Refusal {
  if (key.length === 0) return refuse("invalidRequest", { message: "The key is empty." });
  if (key.length > keyBytesMax) {
    const details = { Size: String(key.length), MaxSizeAllowed: String(keyBytesMax) };
    return refuse("keyTooLong", { details });
  }
  return targetIn(store, bucket, key);
}

export function targetIn({ keymap }: ObjectStore, bucket: Bucket, key: Uint8Array): Target {
  return { bucket, key, partition: keymap.partitionOf(bucket.id, key) };
}
