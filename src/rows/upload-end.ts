import { isStoreError } from "../base/errors.ts";
import { isRefusal, type RefusalOf, refuse } from "../base/refusal.ts";
import type { BucketFenceRow } from "../format/bucket-row.ts";
import type { ChangeId, UploadId } from "../format/ids.ts";
import { noParts } from "../format/object-row.ts";
import { parseUploadKey, space, spaceRange } from "../format/row-keys.ts";
import { commitPlan, type CommitStore, type FenceRefusal } from "./commit.ts";
import type { KeyPlace } from "./versions.ts";
import { planUploadEnd, readParts, readUpload, readUploadRow } from "./uploads.ts";

/** @limit Uploads of a bucket looked up at once. */
const uploadBatch = 100;

/** The parts of a store that ending an upload needs. */
export interface UploadStore extends CommitStore {
  /** Parts whose rows one commit takes away. */
  readonly partsPerCommit: number;
}

/** The upload is not there, or it is not idle any more; or what its bucket refuses. */
export type UploadRefusal = FenceRefusal | "noSuchUpload" | "conditionalConflict";

/** The states of the bucket, and of the upload, in which an upload may be ended. */
export interface EndingUpload {
  readonly fence: BucketFenceRow["state"];
  /** Only if the upload's row still has this stamp: no part has come since. */
  readonly stamp?: ChangeId | undefined;
}

/**
 * Ends an upload; its parts become garbage in the commits that take their rows away (C5), the first
 * of which ends it. However many there are, each commit is small enough for the space that the
 * index keeps for such when the disk is full. `noSuchUpload`, `conditionalConflict` (it is not
 * idle).
 */
export async function freeUpload(
  store: UploadStore,
  target: KeyPlace,
  id: UploadId,
  { fence, stamp }: EndingUpload,
): Promise<{ aborted: true } | RefusalOf<UploadRefusal>> {
  const plan = async () => {
    const upload = await readUpload(target, id);
    if (upload === undefined) return refuse("noSuchUpload");
    if (upload.stored.stamp !== (stamp ?? upload.stored.stamp)) {
      return refuse("conditionalConflict");
    }
    const { partsPerCommit } = store;
    const parts = await readParts(target, id, 0, partsPerCommit + 1);
    const result: { aborted: true } = { aborted: true };
    return { ...planUploadEnd(upload, parts, noParts, partsPerCommit), result };
  };
  const aborted = await commitPlan(store, target, plan, { state: fence });
  if (!isRefusal(aborted)) await clearUploadIfPossible(store, target, id, fence);
  return aborted;
}

/**
 * Takes away what is left of an upload that has ended. Clients know it as gone already: what does
 * not succeed now is done by the sweep (control/upload-sweep.ts).
 */
export async function clearUploadIfPossible(
  store: UploadStore,
  target: KeyPlace,
  id: UploadId,
  fence: BucketFenceRow["state"] = "active",
): Promise<void> {
  try {
    await clearUpload(store, target, id, fence);
  } catch (thrown) {
    if (!isStoreError(thrown)) throw thrown;
  }
}

/**
 * Takes away what is left of an upload that has ended, a bounded number of parts in each commit.
 * `operationAborted`.
 */
export async function clearUpload(
  store: UploadStore,
  target: KeyPlace,
  id: UploadId,
  fence: BucketFenceRow["state"],
): Promise<RefusalOf<UploadRefusal> | undefined> {
  const { partsPerCommit } = store;
  const plan = async () => {
    const upload = await readUploadRow(target, id);
    const kept = upload?.row.ended;
    if (upload === undefined || kept === undefined) return refuse("noSuchUpload");
    const parts = await readParts(target, id, 0, partsPerCommit + 1);
    const result: { cleared: true } = { cleared: true };
    return { ...planUploadEnd(upload, parts, kept, partsPerCommit), result };
  };
  for (;;) {
    const cleared = await commitPlan(store, target, plan, { state: fence });
    if (isRefusal(cleared)) return cleared.refusal === "noSuchUpload" ? undefined : cleared;
  }
}

/** Ends all uploads of a bucket that is being deleted. A refusal: it is not, any more. */
export async function freeUploads(
  store: UploadStore,
  bucket: KeyPlace["bucket"],
): Promise<RefusalOf<UploadRefusal> | undefined> {
  for (const partition of store.keymap.partitionsOf(bucket.id)) {
    const range = spaceRange(space.uploads, bucket.id);
    for (;;) {
      const rows = await partition.scan(range, { limit: uploadBatch });
      if (rows.length === 0) break;
      for (const row of rows) {
        const { key, id } = parseUploadKey(row.key);
        const refusal = await freeWholly(store, { bucket, key, partition }, id);
        if (refusal !== undefined) return refusal;
      }
    }
  }
  return undefined;
}

async function freeWholly(
  store: UploadStore,
  place: KeyPlace,
  id: UploadId,
): Promise<RefusalOf<UploadRefusal> | undefined> {
  const freed = await freeUpload(store, place, id, { fence: "deleting" });
  if (isRefusal(freed) && freed.refusal !== "noSuchUpload") return freed;
  // Its end may have been begun by somebody else.
  return clearUpload(store, place, id, "deleting");
}
