import { StoreError } from "../base/errors.ts";
import type { Row } from "../engine/engine.ts";
import {
  decodeBucketFenceRow,
  decodeBucketRow,
  encodeBucketFenceRow,
} from "../format/bucket-row.ts";
import type { BucketFenceRow } from "../format/bucket-row.ts";
import type { BucketId } from "../format/ids.ts";
import { bucketFenceKey } from "../format/row-keys.ts";
import type { Keymap, Partition } from "./keymap.ts";
import { readRow } from "../engine/engine.ts";

/*
 * A bucket's row is in the system partition, its objects are in others, and no commit spans two. So
 * each of its partitions has a fence row that every commit into the bucket checks:
 *
 *     make    fences (active) → row
 *     delete  read the row, fences → deleting, look whether it is empty, free its uploads,
 *             delete the row (as it was read), fences
 *     reopen  read the fences, put the row again, unchanged but with a new stamp,
 *             fences (as they were read) → active
 *
 * A process that gives up a deletion, or finds one that was left in the middle, reopens. A deletion
 * still under way elsewhere then fails, either way round: if it closed the fences before they were
 * read here, its row has changed; if it closed them later, they are not as they were read, and
 * reopening starts over. For that, closing puts a fence again even where it is closed already. So
 * nothing is written into a bucket whose row then goes. Fences without a row (left by a crash at
 * either end) stand in nobody's way, because bucket ids are never used twice.
 *
 * The versioning state stands in the fences too, and commits act by it: see bucket-versioning.ts.
 */

/** @limit Each failure means that somebody else changed a fence or the bucket's row. */
const attemptsMax = 16;

export async function putFences(keymap: Keymap, bucket: BucketId): Promise<void> {
  const value = encodeBucketFenceRow({ state: "active", versioningNumber: 0, versioning: "off" });
  for (const partition of keymap.partitionsOf(bucket)) {
    await partition.commit({
      id: keymap.session.nextChangeId(),
      checks: [],
      puts: [{ key: bucketFenceKey(bucket), value }],
      deletes: [],
    });
  }
}

export async function removeFences(keymap: Keymap, bucket: BucketId): Promise<void> {
  for (const partition of keymap.partitionsOf(bucket)) {
    await partition.commit({
      id: keymap.session.nextChangeId(),
      checks: [],
      puts: [],
      deletes: [bucketFenceKey(bucket)],
    });
  }
}

/** Once this returns nothing can be committed into the bucket, until it is reopened. */
export async function closeFences(keymap: Keymap, bucket: BucketId): Promise<void> {
  for (const partition of keymap.partitionsOf(bucket)) await closeFence(keymap, partition, bucket);
}

async function closeFence(keymap: Keymap, partition: Partition, bucket: BucketId): Promise<void> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const fence = await readRow(partition, bucketFenceKey(bucket));
    if (fence === undefined) return;
    if (await replaceFence(keymap, partition, fence, { state: "deleting" })) return;
  }
  throw new StoreError("overloaded", `the fence of bucket ${bucket} kept changing: try again`);
}

/**
 * Takes back a deletion, whichever process began it. False if the bucket with this row has gone.
 */
export async function reopenBucket(keymap: Keymap, bucketRow: Row): Promise<boolean> {
  const { id } = decodeBucketRow(bucketRow.value);
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const closed: { partition: Partition; fence: Row }[] = [];
    for (const partition of keymap.partitionsOf(id)) {
      const fence = await readRow(partition, bucketFenceKey(id));
      if (fence === undefined) return false;
      const isClosed = decodeBucketFenceRow(fence.value).state === "deleting";
      if (isClosed) closed.push({ partition, fence });
    }
    if (closed.length === 0) return true;
    const row = await readRow(keymap.system, bucketRow.key);
    if (row === undefined || decodeBucketRow(row.value).id !== id) return false;
    if (!(await renewStamp(keymap, row))) continue;
    let opened = 0;
    for (const { partition, fence } of closed) {
      if (await replaceFence(keymap, partition, fence, { state: "active" })) opened++;
    }
    if (opened === closed.length) return true;
  }
  throw new StoreError("overloaded", `bucket ${id} kept changing: try again`);
}

/** False if the row is no longer as it was read. */
async function renewStamp(keymap: Keymap, { key, value, stamp }: Row): Promise<boolean> {
  const { outcome } = await keymap.system.commit({
    id: keymap.session.nextChangeId(),
    checks: [{ key, expect: stamp }],
    puts: [{ key, value }],
    deletes: [],
  });
  return outcome === "ok";
}

/** False if the fence is no longer as it was read. */
export async function replaceFence(
  keymap: Keymap,
  partition: Partition,
  { key, value, stamp }: Row,
  to: Partial<BucketFenceRow>,
): Promise<boolean> {
  const fence = encodeBucketFenceRow({ ...decodeBucketFenceRow(value), ...to });
  const { outcome } = await partition.commit({
    id: keymap.session.nextChangeId(),
    checks: [{ key, expect: stamp }],
    puts: [{ key, value: fence }],
    deletes: [],
  });
  return outcome === "ok";
}
