import { decodeUtf8 } from "../../base/bytes.ts";
import { isStoreError } from "../../base/errors.ts";
import { Limiter } from "../../base/limiter.ts";
import { readKeysMax, type Rows } from "../../engine/engine.ts";
import type { ChunkRef } from "../../format/chunk-ref.ts";
import type { BucketFenceRow } from "../../format/bucket-row.ts";
import { headKey } from "../../format/row-keys.ts";
import type { Partition } from "../../keymap/keymap.ts";
import type { Bucket } from "../decoded-buckets.ts";
import type { ObjectStore } from "../object-store.ts";
import { isRefusal, type Refusal } from "../refusal.ts";
import { type Target, targetIn } from "../target.ts";
import { versionOf } from "../../rows/versions.ts";
import { commitPlan, type Freed, type Plan, type Unchanged } from "../../rows/commit.ts";
import { type Deleted, type DeleteInput, deleteObject, planDeletion } from "./delete.ts";

/*
 * Deletes many keys at once, each on its own terms. Keys whose current version goes are taken
 * together: one read of their heads with the fence, one commit for all, with a garbage row for what
 * it frees of each (C5). It is the same plan as for one key, so what holds for each at that instant
 * holds for all (C2). Where a key cannot be read, or changes under every attempt, its companions
 * are not to suffer for it: then they are deleted one by one.
 */

export type DeleteItem = Omit<DeleteInput, "bucket">;

/**
 * The outcome for one key: `thrown` is the failure of this key, which says nothing about others.
 */
export type DeleteOutcome = Deleted | Refusal | { readonly thrown: unknown };

/** @limit Keys of a commit: as many heads as one read of the index takes beside the fence. */
const keysPerCommit = readKeysMax - 1;
/**
 * @limit Deletions under way at once: enough to share the index's syncs, few next to what others
 * send.
 */
const deletionsMax = 32;
/**
 * A commit of many keys counts for so many, so that a transaction of the index is not held up by
 * one request.
 */
const batchUnits = 16;

/** The outcomes have the order of `items`, which are at most a thousand. */
export async function deleteObjects(
  store: ObjectStore,
  bucket: Bucket,
  items: readonly DeleteItem[],
): Promise<readonly DeleteOutcome[]> {
  const limiter = new Limiter({
    unitsMax: deletionsMax,
    waitersMax: items.length,
    what: "deletions",
  });
  const outcomes: DeleteOutcome[] = [];
  const one = async (index: number): Promise<void> => {
    outcomes[index] = await settled(deleteObject(store, { bucket, ...items[index]! }));
  };
  const many = async (batch: readonly number[]): Promise<void> => {
    const some = batch.map((index) => items[index]!);
    const deleted = await settled(deleteTogether(store, bucket, some));
    if ("thrown" in deleted && isOfOneKey(deleted.thrown)) {
      for (const index of batch) await one(index);
      return;
    }
    for (const [at, index] of batch.entries()) {
      outcomes[index] = "results" in deleted ? deleted.results[at]! : deleted;
    }
  };
  const { batches, others } = batchesOf(store, bucket, items);
  await Promise.all([
    ...batches.map((batch) => limiter.run(batchUnits, () => many(batch))),
    ...others.map((index) => limiter.run(1, () => one(index))),
  ]);
  return outcomes;
}

async function settled<T extends object>(
  work: Promise<T>,
): Promise<T | { readonly thrown: unknown }> {
  try {
    return await work;
  } catch (thrown) {
    return { thrown };
  }
}

/** A damaged head, or a key that others write without end; whatever else fails, fails for all. */
function isOfOneKey(thrown: unknown): boolean {
  return isStoreError(thrown, "corrupt") || isStoreError(thrown, "overloaded");
}

/**
 * The places of items that are deleted together, in one partition and none twice, and of those that
 * name a version.
 */
function batchesOf(
  store: ObjectStore,
  { id }: Bucket,
  items: readonly DeleteItem[],
): { readonly batches: readonly (readonly number[])[]; readonly others: readonly number[] } {
  const batches: number[][] = [];
  const others: number[] = [];
  let batch: number[] = [];
  let partition: Partition | undefined;
  // Two keys that are one as text go apart, whether they are one or not.
  const names = new Set<string>();
  for (const [index, { key, version }] of items.entries()) {
    if (version !== undefined) {
      others.push(index);
      continue;
    }
    const name = decodeUtf8(key);
    const own = store.keymap.partitionOf(id, key);
    if (own !== partition || batch.length === keysPerCommit || names.has(name)) {
      batches.push((batch = []));
      partition = own;
      names.clear();
    }
    batch.push(index);
    names.add(name);
  }
  return { batches, others };
}

interface DeletedTogether {
  readonly results: readonly (Deleted | Refusal)[];
}

/** Deletes keys of one partition in one commit. */
async function deleteTogether(
  store: ObjectStore,
  bucket: Bucket,
  items: readonly DeleteItem[],
): Promise<DeletedTogether | Refusal> {
  const targets = items.map(({ key }) => targetIn(store, bucket, key));
  const [first] = targets;
  if (first === undefined) return { results: [] };
  const reads = targets.map(({ key }) => headKey(bucket.id, key));
  return commitPlan(
    store,
    first,
    (fence, heads) => planTogether(store, targets, items, { fence, heads }),
    { reads },
  );
}

async function planTogether(
  store: ObjectStore,
  targets: readonly Target[],
  items: readonly DeleteItem[],
  { fence, heads }: { readonly fence: BucketFenceRow; readonly heads: Rows },
): Promise<Plan<DeletedTogether> | Unchanged<DeletedTogether>> {
  const plan = {
    checks: [] as Plan<unknown>["checks"][number][],
    puts: [] as Plan<unknown>["puts"][number][],
    deletes: [] as Uint8Array[],
    freed: [],
    freedOfKeys: [] as Freed[],
    appended: [] as ChunkRef[],
  };
  let changes = false;
  const results: (Deleted | Refusal)[] = [];
  for (const [index, target] of targets.entries()) {
    const head = versionOf(heads[index]);
    const one = planDeletion(store, target, { head, fence, condition: items[index]!.condition });
    const planned = one instanceof Promise ? await one : one;
    if (isRefusal(planned)) {
      results.push(planned);
      continue;
    }
    if ("unchanged" in planned) {
      results.push(planned.unchanged);
      continue;
    }
    changes = true;
    plan.checks.push(...planned.checks);
    plan.puts.push(...planned.puts);
    plan.deletes.push(...planned.deletes);
    // holds: C5 freed-of-each-key
    plan.freedOfKeys.push({ key: target.key, locations: planned.freed });
    results.push(planned.result);
  }
  return changes ? { ...plan, result: { results } } : { unchanged: { results } };
}
