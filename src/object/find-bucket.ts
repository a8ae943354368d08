import { encodeUtf8 } from "../base/bytes.ts";
import { type Ready, whenReady } from "../base/ready.ts";
import { type Row, readRow } from "../engine/engine.ts";
import { bucketKey } from "../format/row-keys.ts";
import type { Bucket } from "./decoded-buckets.ts";
import type { ObjectStore } from "./object-store.ts";
import { type Refusal, refuse } from "./refusal.ts";

/** A bucket's row as it was read; its stamp says whether it still is. */
export interface FoundBucket {
  readonly bucket: Bucket;
  readonly row: Row;
}

export function findBucket(store: ObjectStore, name: string): Ready<FoundBucket | undefined> {
  const found = (row: Row | undefined) =>
    row && { bucket: store.bucketsDecoded.decode(name, row), row };
  return whenReady(readRow(store.keymap.system, bucketRowKey(name)), found);
}

/** `noSuchBucket`. */
export function getBucket(store: ObjectStore, name: string): Ready<Bucket | Refusal> {
  return whenReady(findBucket(store, name), (found) => found?.bucket ?? refuse("noSuchBucket"));
}

export function bucketRowKey(name: string): Uint8Array {
  return bucketKey(encodeUtf8(name));
}
