import { type Ready, whenReady } from "../../base/ready.ts";
import {
  changeConfiguration,
  type ConfigurationPlace,
  readConfiguration,
} from "../../keymap/bucket-configurations.ts";
import { bucketRowKey, getBucket } from "../find-bucket.ts";
import type { ObjectStore } from "../object-store.ts";
import { isRefusal, type Refusal, refuse } from "../refusal.ts";

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
  if (isRefusal(place)) return place;
  const document = await readConfiguration(store.keymap, place);
  return document === "gone" ? refuse("noSuchBucket") : { document };
}

/** Replaces all of it; durable, and seen by every later read, once answered. `noSuchBucket`. */
export function putConfiguration(
  store: ObjectStore,
  address: ConfigurationAddress,
  document: Uint8Array,
): Promise<{ done: true } | Refusal> {
  return change(store, address, document);
}

/** Taking away what is not set succeeds. `noSuchBucket`. */
export function deleteConfiguration(
  store: ObjectStore,
  address: ConfigurationAddress,
): Promise<{ done: true } | Refusal> {
  return change(store, address, undefined);
}

async function change(
  store: ObjectStore,
  address: ConfigurationAddress,
  document: Uint8Array | undefined,
): Promise<{ done: true } | Refusal> {
  const place = await placeOf(store, address);
  if (isRefusal(place)) return place;
  const outcome = await changeConfiguration(store.keymap, place, document);
  return outcome === "gone" ? refuse("noSuchBucket") : { done: true };
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
