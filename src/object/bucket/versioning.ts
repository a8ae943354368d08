import { applyVersioning } from "../../keymap/bucket-versioning.ts";
import { findBucket } from "../find-bucket.ts";
import type { ObjectStore } from "../object-store.ts";
import type { Refusal } from "../refusal.ts";
import { refuse } from "../refusal.ts";

/**
 * Once this is answered, no commit into the bucket acts in the old state
 * (keymap/bucket-versioning.ts). Repeating it finishes what was left in the middle. `noSuchBucket`,
 * `operationAborted`.
 */
export async function setVersioning(
  store: ObjectStore,
  bucketName: string,
  versioning: "enabled" | "suspended",
): Promise<{ done: true } | Refusal> {
  const found = await findBucket(store, bucketName);
  if (found === undefined) return refuse("noSuchBucket");
  const place = { key: found.row.key, id: found.bucket.id };
  const outcome = await applyVersioning(store.keymap, place, versioning);
  if (outcome === "deleting") return refuse("operationAborted");
  return outcome === "gone" ? refuse("noSuchBucket") : { done: true };
}
