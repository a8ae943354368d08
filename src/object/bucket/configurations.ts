import { type Ready, whenReady } from "../../base/ready.ts";
import {
  changeConfiguration,
  type ConfigurationPlace,
  readConfiguration,
} from "../../keymap/bucket-configurations.ts";
import { bucketRowKey, getBucket } from "../find-bucket.ts";
import type { ObjectStore } from "../object-store.ts";
import { isRefusal, type Refusal } from "../refusal.ts";

/**
 * A configuration of a bucket, by a name that is stored and so never changes. What its document
 * means is known to those who set it and who act by it; here it is bytes.
 */
export interface ConfigurationAddress {
  readonly bucket: string;
  readonly name: string;
}

/** The document is undefined where nothing is set. `noSuchBucket`. */
export async function getConfiguration(
  store: ObjectStore,
  address: ConfigurationAddress,
): Promise<{ readonly document: Uint8Array | undefined } | Refusal> {
  const place = await placeOf(store, address);
  return isRefusal(place) ? place : readConfiguration(store.keymap, place);
}

/**
 * Replaces all of it; durable, and seen by every later read, once answered. Undefined takes it
 * away, which succeeds where nothing is set. `noSuchBucket`.
 */
export async function setConfiguration(
  store: ObjectStore,
  address: ConfigurationAddress,
  document: Uint8Array | undefined,
): Promise<{ done: true } | Refusal> {
  const place = await placeOf(store, address);
  return isRefusal(place) ? place : changeConfiguration(store.keymap, place, document);
}

function placeOf(
  store: ObjectStore,
  { bucket: bucketName, name }: ConfigurationAddress,
): Ready<ConfigurationPlace | Refusal> {
  return whenReady(getBucket(store, bucketName), (bucket) => {
    if (isRefusal(bucket)) return bucket;
    return { bucket: { key: bucketRowKey(bucketName), id: bucket.id }, name };
  });
}
