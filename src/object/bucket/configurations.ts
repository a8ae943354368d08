import {
  changeConfiguration,
  type ConfigurationPlace,
  readConfiguration,
} from "../../keymap/bucket-configurations.ts";
import type { Bucket } from "../decoded-buckets.ts";
import { bucketRowKey } from "../find-bucket.ts";
import type { ObjectStore } from "../object-store.ts";
import type { Refusal } from "../refusal.ts";

/**
 * A configuration of a bucket, by a name that is stored and so never changes. What its document
 * means is known to those who set it and who act by it; here it is bytes.
 */
export interface ConfigurationAddress {
  readonly bucket: Bucket;
  readonly name: string;
}

/** The document is undefined where nothing is set. `noSuchBucket`. */
export async function getConfiguration(
  store: ObjectStore,
  address: ConfigurationAddress,
): Promise<{ readonly document: Uint8Array | undefined } | Refusal> {
  return readConfiguration(store.keymap, placeOf(address));
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
  return changeConfiguration(store.keymap, placeOf(address), document);
}

function placeOf({ bucket, name }: ConfigurationAddress): ConfigurationPlace {
  return { bucket: { key: bucketRowKey(bucket.name), id: bucket.id }, name };
}
