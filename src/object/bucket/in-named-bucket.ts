import type { Ready } from "../../base/ready.ts";
import type { Bucket } from "../decoded-buckets.ts";
import { getBucket } from "../find-bucket.ts";
import type { ObjectStore } from "../object-store.ts";
import { isRefusal, type Refusal } from "../refusal.ts";

/**
 * Does an operation for a caller who only knows the bucket's name, as clients in simulations and
 * tests do: the bucket is read first, as it is when a request is let in. `noSuchBucket`.
 */
export async function inNamedBucket<I extends { readonly bucket: Bucket }, T extends object>(
  store: ObjectStore,
  operation: (store: ObjectStore, input: I) => Ready<T | Refusal>,
  input: Omit<I, "bucket"> & { readonly bucket: string },
): Promise<T | Refusal> {
  const bucket = await getBucket(store, input.bucket);
  if (isRefusal(bucket)) return bucket;
  // What the input lacks of I is the bucket.
  return operation(store, { ...input, bucket } as unknown as I);
}
