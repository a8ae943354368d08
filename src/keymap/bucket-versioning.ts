import { StoreError } from "../base/errors.ts";
import { isRefusal, type RefusalOf, refuse } from "../base/refusal.ts";
import {
  type BucketFenceRow,
  type BucketRow,
  decodeBucketFenceRow,
  decodeBucketRow,
  encodeBucketRow,
  type VersioningState,
} from "../format/bucket-row.ts";
import type { BucketId } from "../format/ids.ts";
import { bucketFenceKey } from "../format/row-keys.ts";
import { replaceFence } from "./bucket-lifecycle.ts";
import type { Keymap, Partition } from "./keymap.ts";
import { readRow } from "../engine/engine.ts";

/*
 * A bucket's versioning state stands in its fences, by which commits act, and in its row, which is
 * shown. Setting it takes a commit of each:
 *
 *     set     take the next versioning number (in the row), all fences, the row
 *
 * Each change has a versioning number of its own, and neither a fence nor the row ever goes back to
 * a lower one. So a setter that is overtaken by a later one leaves alone what that one has set, as
 * if it had come just before it, and each takes effect once at the most in each partition, however
 * slow it is. Fences come before the row: once the row shows a state, no commit acts in an earlier
 * one. What a dead process has left in some of the fences is finished by the next setter, or by the
 * bucket sweep, under the number with which it was begun.
 */

/** @limit Each failure means that somebody else changed a fence or the bucket's row. */
const attemptsMax = 16;

/** Where a bucket's row is, and whose row it has to be. */
export interface BucketRowPlace {
  readonly key: Uint8Array;
  readonly id: BucketId;
}

/** `operationAborted`: the bucket is about to go. */
export type VersioningRefusal = RefusalOf<"noSuchBucket" | "operationAborted">;

/** Once this is done, no commit into the bucket acts in an earlier state. */
export async function applyVersioning(
  keymap: Keymap,
  place: BucketRowPlace,
  versioning: VersioningState,
): Promise<{ done: true } | VersioningRefusal> {
  const taken = await changeRow(keymap, place, ({ lastVersioningNumber }) => ({
    lastVersioningNumber: lastVersioningNumber + 1,
  }));
  if (isRefusal(taken)) return taken;
  const versioningNumber = taken.lastVersioningNumber;
  return finishVersioning(keymap, place, { versioning, versioningNumber });
}

/** A change of a bucket's versioning state. */
type VersioningChange = Pick<BucketFenceRow, "versioning" | "versioningNumber">;

/** Carries out a change that has its number, as far as none with a higher one has been. */
export async function finishVersioning(
  keymap: Keymap,
  place: BucketRowPlace,
  change: VersioningChange,
): Promise<{ done: true } | VersioningRefusal> {
  for (const partition of keymap.partitionsOf(place.id)) {
    const outcome = await setFence(keymap, partition, place.id, change);
    if (isRefusal(outcome)) return outcome;
  }
  const shown = await changeRow(keymap, place, ({ versioningNumber }) => {
    return versioningNumber < change.versioningNumber ? change : undefined;
  });
  return isRefusal(shown) ? shown : { done: true };
}

async function setFence(
  keymap: Keymap,
  partition: Partition,
  bucket: BucketId,
  to: VersioningChange,
): Promise<{ done: true } | VersioningRefusal> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const fence = await readRow(partition, bucketFenceKey(bucket));
    if (fence === undefined) return refuse("noSuchBucket");
    const { state, versioningNumber } = decodeBucketFenceRow(fence.value);
    if (state === "deleting") return refuse("operationAborted");
    // holds: C2 versioning-in-fences
    if (
      versioningNumber >= to.versioningNumber ||
      (await replaceFence(keymap, partition, fence, to))
    )
      return { done: true };
  }
  throw new StoreError("overloaded", `the fence of bucket ${bucket} kept changing: try again`);
}

/** The row as it is then; `change` answers undefined where it may stay. */
async function changeRow(
  { system, session }: Keymap,
  { key, id }: BucketRowPlace,
  change: (row: BucketRow) => Partial<BucketRow> | undefined,
): Promise<BucketRow | RefusalOf<"noSuchBucket">> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const found = await readRow(system, key);
    if (found === undefined) return refuse("noSuchBucket");
    const row = decodeBucketRow(found.value);
    if (row.id !== id) return refuse("noSuchBucket");
    const changed = change(row);
    if (changed === undefined) return row;
    const next = { ...row, ...changed };
    const { outcome } = await system.commit({
      id: session.nextChangeId(),
      checks: [{ key, expect: found.stamp }],
      puts: [{ key, value: encodeBucketRow(next) }],
      deletes: [],
    });
    if (outcome === "ok") return next;
  }
  throw new StoreError("overloaded", `bucket ${id} kept changing: try again`);
}
