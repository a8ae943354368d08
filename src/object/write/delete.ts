import { type Ready, whenReady } from "../../base/ready.ts";
import type { Rows } from "../../engine/engine.ts";
import type { BucketFenceRow } from "../../format/bucket-row.ts";
import { headKey } from "../../format/row-keys.ts";
import { standardClass } from "../../format/storage-class.ts";
import { commitPlan, type Plan, type Planned, type Unchanged } from "../../rows/commit.ts";
import {
  type NewVersion,
  planRemoval,
  planRowRemoval,
  planVersion,
} from "../../rows/version-changes.ts";
import { checkWrite, type WriteCondition } from "../conditions.ts";
import type { Bucket } from "../decoded-buckets.ts";
import type { ObjectStore } from "../object-store.ts";
import { isRefusal, type Refusal, type RefusalCode } from "../refusal.ts";
import { openTarget, type Target } from "../target.ts";
import { versionIdText, type VersionRef } from "../../format/version-id.ts";
import {
  objectOf,
  type Version,
  versionFrom,
  versionKeys,
  versionOf,
} from "../../rows/versions.ts";

export interface DeleteInput {
  readonly bucket: Bucket;
  readonly key: Uint8Array;
  /**
   * Undefined: the key as such, which in a versioned bucket puts a delete marker over its versions.
   */
  readonly version?: VersionRef | undefined;
  readonly condition: WriteCondition;
}

/** The delete marker that was made, or, where a version was named, that version. */
export interface Deleted {
  readonly versionId: string | undefined;
  readonly deleteMarker: boolean;
}

/**
 * Deleting what is not there succeeds (unless conditional). The bytes become garbage in the same
 * commit (C5).
 */
export async function deleteObject(
  store: ObjectStore,
  input: DeleteInput,
): Promise<Deleted | Refusal> {
  const target = openTarget(store, input.bucket, input.key);
  if (isRefusal(target)) return target;
  const { version, condition } = input;
  if (version !== undefined) return deleteVersion(store, target, version, condition);
  return deleteCurrent(store, target, condition);
}

const nothingDeleted: Deleted = { versionId: undefined, deleteMarker: false };

function deleteCurrent(
  store: ObjectStore,
  target: Target,
  condition: WriteCondition,
): Promise<Deleted | Refusal> {
  return commitPlan(
    store,
    target,
    (fence, [row]) => planDeletion(store, target, { head: versionOf(row), fence, condition }),
    { reads: [headKey(target.bucket.id, target.key)] },
  );
}

/** Deletes the key as such, whose head is given. */
export function planDeletion(
  store: ObjectStore,
  target: Target,
  { head, fence, condition }: DeletionState,
): Planned<Deleted, RefusalCode> {
  const refusal = checkWrite(condition, objectOf(head));
  if (refusal !== undefined) return refusal;
  if (fence.versioning !== "off") return planMarker(store, target, { head, fence });
  if (head === undefined) return { unchanged: nothingDeleted };
  // Where versioning was never on, no other version is there to take its place.
  return { ...planRowRemoval(head), puts: [], result: nothingDeleted };
}

interface DeletionState {
  readonly head: Version | undefined;
  readonly fence: BucketFenceRow;
  readonly condition: WriteCondition;
}

function planMarker(
  store: ObjectStore,
  target: Target,
  state: Pick<DeletionState, "head" | "fence">,
): Ready<Plan<Deleted>> {
  return whenReady(planVersion(store, target, state, markerFor(store, target)), (made) => ({
    ...made,
    result: { versionId: made.result.versionId, deleteMarker: true },
  }));
}

/** A version has no bytes and is nobody's but the bucket's. */
function markerFor(store: ObjectStore, { bucket }: Target): NewVersion {
  return {
    kind: "deleteMarker",
    size: 0,
    md5: new Uint8Array(16),
    partCount: 0,
    checksum: undefined,
    attributes: {
      headers: [],
      metadata: [],
      tags: [],
      owner: bucket.owner,
      account: bucket.account,
      storageClass: standardClass,
      encryption: undefined,
      lock: undefined,
    },
    // It makes the version id one of its own.
    blob: store.keymap.session.nextBlobId(),
    upload: undefined,
    data: { kind: "empty" },
  };
}

function deleteVersion(
  store: ObjectStore,
  target: Target,
  ref: VersionRef,
  condition: WriteCondition,
): Promise<Deleted | Refusal> {
  const versionId = versionIdText(ref);
  const plan = async (
    _: BucketFenceRow,
    rows: Rows,
  ): Promise<Plan<Deleted> | Unchanged<Deleted> | Refusal> => {
    const placed = await versionFrom(target, ref, rows);
    const refusal = checkWrite(condition, objectOf(placed?.version));
    if (refusal !== undefined) return refusal;
    if (placed === undefined) return { unchanged: { versionId, deleteMarker: false } };
    const deleteMarker = placed.version.row.kind === "deleteMarker";
    return { ...(await planRemoval(target, placed)), result: { versionId, deleteMarker } };
  };
  return commitPlan(store, target, plan, { reads: versionKeys(target, ref) });
}
