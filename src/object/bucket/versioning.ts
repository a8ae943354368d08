import { StoreError } from "../../base/errors.ts";
import { decodeBucketRow, encodeBucketRow } from "../../format/bucket-row.ts";
import { putVersioning } from "../../keymap/bucket-fences.ts";
import { findBucket } from "../bucket-rows.ts";
import type { ObjectStore } from "../object-store.ts";
import type { Refusal } from "../refusal.ts";
import { refuse } from "../refusal.ts";

/** Each failure means that somebody else changed the bucket. */
const attemptsMax = 16;

/**
 * Once this is answered, no commit into the bucket acts in the old state (keymap/bucket-fences.ts).
 * Repeating it finishes what was left in the middle. `noSuchBucket`, `operationAborted`.
 */
export async function setVersioning(
  store: ObjectStore,
  bucketName: string,
  versioning: "enabled" | "suspended",
): Promise<{ done: true } | Refusal> {
  const { keymap } = store;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const found = await findBucket(store, bucketName);
    if (found === undefined) return refuse("noSuchBucket");
    const { key, value, stamp } = found.row;
    const fences = await putVersioning(keymap, found.bucket.id, versioning);
    if (fences === "deleting") return refuse("operationAborted");
    if (fences === "gone") return refuse("noSuchBucket");
    const { outcome } = await keymap.system.commit({
      id: keymap.session.nextChangeId(),
      checks: [{ key, expect: stamp }],
      puts: [{ key, value: encodeBucketRow({ ...decodeBucketRow(value), versioning }) }],
      deletes: [],
    });
    if (outcome === "ok") return { done: true };
  }
  throw new StoreError("overloaded", `bucket ${bucketName} changes all the time`);
}
