import { StoreError } from "../base/errors.ts";
import type { BucketFenceRow } from "../format/bucket-row.ts";
import { decodeBucketFenceRow, encodeBucketFenceRow } from "../format/bucket-row.ts";
import type { BucketId } from "../format/ids.ts";
import { bucketFenceKey } from "../format/row-keys.ts";
import type { Partition } from "../keymap/keymap.ts";
import type { Bucket } from "./bucket-rows.ts";
import { findBucket } from "./bucket-rows.ts";
import type { ObjectStore } from "./object-store.ts";

/*
 * A bucket's row is in the system partition, its objects are in others, and no commit spans two. So
 * each of its partitions has a fence row that every commit into the bucket checks:
 *
 *     make    fences (active) → row
 *     delete  fences → deleting, look whether it is empty, free its uploads,
 *             delete the row (as it was before), fences
 *     reopen  put the row again, unchanged but with a new stamp → fences → active
 *
 * Whoever gives up a deletion, or finds one that was left in the middle, reopens. Since that puts
 * the row first, a deletion still under way elsewhere can no longer delete it: so nothing is
 * written into a bucket whose row then goes. Fences without a row (left by a crash at either end)
 * stand in nobody's way, because bucket ids are never used twice.
 */

/** Of one fence row; each failure means that somebody else changed it. */
const attemptsMax = 16;

export async function putFences(store: ObjectStore, bucket: BucketId): Promise<void> {
  for (const partition of store.keymap.partitionsOf(bucket)) {
    await replaceFence(store, partition, bucket, () => ({ state: "active", epoch: 1 }));
  }
}

export async function removeFences(store: ObjectStore, bucket: BucketId): Promise<void> {
  for (const partition of store.keymap.partitionsOf(bucket)) {
    await replaceFence(store, partition, bucket, () => undefined);
  }
}

/** From when this returns nothing can be committed into the bucket. */
export async function closeFences(store: ObjectStore, bucket: BucketId): Promise<void> {
  for (const partition of store.keymap.partitionsOf(bucket)) {
    await replaceFence(store, partition, bucket, (fence) => inState(fence, "deleting"));
  }
}

/** Takes back a deletion, whoever began it. False if the bucket has gone. */
export async function reopenBucket(store: ObjectStore, bucket: Bucket): Promise<boolean> {
  const { keymap } = store;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const closed: Partition[] = [];
    for (const partition of keymap.partitionsOf(bucket.id)) {
      const fence = await partition.get(bucketFenceKey(bucket.id));
      if (fence === undefined) return false;
      if (decodeBucketFenceRow(fence.value).state === "deleting") closed.push(partition);
    }
    if (closed.length === 0) return true;
    const found = await findBucket(store, bucket.name);
    if (found?.bucket.id !== bucket.id) return false;
    const { key, value, stamp } = found.row;
    const { outcome } = await keymap.system.commit({
      id: keymap.session.nextChangeId(),
      checks: [{ key, expect: stamp }],
      puts: [{ key, value }],
      deletes: [],
    });
    if (outcome === "conflict") continue;
    for (const partition of closed) {
      await replaceFence(store, partition, bucket.id, (fence) => inState(fence, "active"));
    }
    return true;
  }
  throw new StoreError("overloaded", `bucket ${bucket.name} changes all the time`);
}

function inState(
  fence: BucketFenceRow | undefined,
  state: BucketFenceRow["state"],
): BucketFenceRow | undefined {
  return fence === undefined || fence.state === state ? fence : { ...fence, state };
}

/**
 * Replaces a fence by what `next` makes of it; the same object or no fence before and after:
 * nothing to do.
 */
async function replaceFence(
  store: ObjectStore,
  partition: Partition,
  bucket: BucketId,
  next: (fence: BucketFenceRow | undefined) => BucketFenceRow | undefined,
): Promise<void> {
  const key = bucketFenceKey(bucket);
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const row = await partition.get(key);
    const before = row === undefined ? undefined : decodeBucketFenceRow(row.value);
    const after = next(before);
    if (after === before) return;
    const { outcome } = await partition.commit({
      id: store.keymap.session.nextChangeId(),
      checks: [{ key, expect: row?.stamp ?? "absent" }],
      puts: after === undefined ? [] : [{ key, value: encodeBucketFenceRow(after) }],
      deletes: after === undefined ? [key] : [],
    });
    if (outcome === "ok") return;
  }
  throw new StoreError("overloaded", `the fence of bucket ${bucket} changes all the time`);
}
