import type { BucketFenceRow } from "../format/bucket-row.ts";
import type { UploadId } from "../format/ids.ts";
import { parseRoutedKey, space, spaceRange } from "../format/row-keys.ts";
import { toHex } from "../base/bytes.ts";
import type { Bucket } from "./bucket-rows.ts";
import { commitPlan } from "./commit.ts";
import type { ObjectStore } from "./object-store.ts";
import { scanBucket } from "./page-scan.ts";
import type { Refusal } from "./refusal.ts";
import { isRefusal, refuse } from "./refusal.ts";
import type { Target } from "./target.ts";
import { targetIn } from "./target.ts";
import { planUploadRemoval, readParts, readUpload } from "./upload-rows.ts";

/** Uploads of a bucket looked up at once. */
const uploadBatch = 100;

/** Ends an upload; its parts become garbage in the same commit (C5). `noSuchUpload`. */
export function freeUpload(
  store: ObjectStore,
  target: Target,
  id: UploadId,
  fence: BucketFenceRow["state"],
): Promise<{ aborted: true } | Refusal> {
  const plan = async () => {
    const upload = await readUpload(target, id);
    if (upload === undefined) return refuse("noSuchUpload");
    const parts = await readParts(target, id);
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
  for (;;) {
    const range = spaceRange(space.uploads, bucket.id);
    const rows = await scanBucket(store, bucket.id, range, uploadBatch);
    if (rows.length === 0) return undefined;
    for (const row of rows) {
      const { key, rest } = parseRoutedKey(row.key);
      const id = toHex(rest) as UploadId; // what stands behind the key there
      const freed = await freeUpload(store, targetIn(store, bucket, key), id, "deleting");
      if (isRefusal(freed) && freed.refusal !== "noSuchUpload") return freed;
    }
  }
}
