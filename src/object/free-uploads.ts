import type { BucketFenceRow } from "../format/bucket-row.ts";
import type { UploadId } from "../format/ids.ts";
import { parseUploadKey, space, spaceRange } from "../format/row-keys.ts";
import type { Bucket } from "./bucket-rows.ts";
import type { CommitStore } from "./commit.ts";
import { commitPlan } from "./commit.ts";
import type { ObjectStore } from "./object-store.ts";
import { scanBucket } from "./page-scan.ts";
import type { Refusal } from "./refusal.ts";
import { isRefusal, refuse } from "./refusal.ts";
import type { KeyPlace } from "./target.ts";
import { targetIn } from "./target.ts";
import { planUploadRemoval, readAllParts, readUpload } from "./upload-rows.ts";

/** Uploads of a bucket looked up at once. */
const uploadBatch = 100;

/** In which state of the bucket, and of the upload, an upload may be ended. */
export interface EndingUpload {
  readonly fence: BucketFenceRow["state"];
  /** Only if neither the upload nor a part of it is as young as this. */
  readonly idleSinceMs?: number | undefined;
}

/**
 * Ends an upload; its parts become garbage in the same commit (C5). `noSuchUpload`, `conditionalConflict` (it is
 * not idle).
 */
export function freeUpload(
  store: CommitStore,
  target: KeyPlace,
  id: UploadId,
  { fence, idleSinceMs = Infinity }: EndingUpload,
): Promise<{ aborted: true } | Refusal> {
  const plan = async () => {
    const upload = await readUpload(target, id);
    if (upload === undefined) return refuse("noSuchUpload");
    const parts = await readAllParts(target, id);
    const newestMs = parts.reduce((newest, { modifiedMs }) => Math.max(newest, modifiedMs), 0);
    if (Math.max(newestMs, upload.row.initiatedMs) >= idleSinceMs) {
      return refuse("conditionalConflict");
    }
    const freed = parts.map((part) => part.data);
    const result: { aborted: true } = { aborted: true };
    return { ...planUploadRemoval(upload, parts), puts: [], freed, result };
  };
  return commitPlan(store, target, plan, fence);
}

/** Ends all uploads of a bucket that is being deleted. A refusal: it is not, any more. */
export async function freeUploads(
  store: ObjectStore,
  bucket: Bucket,
): Promise<Refusal | undefined> {
  const ending = { fence: "deleting" } as const;
  for (;;) {
    const range = spaceRange(space.uploads, bucket.id);
    const rows = await scanBucket(store, bucket.id, range, { limit: uploadBatch });
    if (rows.length === 0) return undefined;
    for (const row of rows) {
      const { key, id } = parseUploadKey(row.key);
      const freed = await freeUpload(store, targetIn(store, bucket, key), id, ending);
      if (isRefusal(freed) && freed.refusal !== "noSuchUpload") return freed;
    }
  }
}
