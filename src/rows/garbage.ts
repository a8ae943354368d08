import type { Put } from "../engine/engine.ts";
import { scanPages } from "../engine/scan-pages.ts";
import type { DataLocation } from "../format/chunk-ref.ts";
import { decodeGarbageRow, encodeGarbageRow } from "../format/garbage-row.ts";
import type { ChangeId } from "../format/ids.ts";
import { garbageKey, routedRange, space } from "../format/row-keys.ts";
import type { KeyPlace } from "./versions.ts";

/** @limit Garbage rows of one key read at once. */
const rowsAtOnce = 64;

/**
 * The data that a change frees of one key stands in one garbage row of that change (C5): by the key
 * it is found, and its length is known, since a record holds its key. No row where nothing is
 * freed.
 */
export function garbagePuts(
  { bucket, key }: Pick<KeyPlace, "bucket" | "key">,
  change: ChangeId,
  freed: readonly DataLocation[],
): readonly Put[] {
  const locations = freed.filter(({ kind }) => kind === "chunks" || kind === "manifest");
  if (locations.length === 0) return [];
  return [{ key: garbageKey(bucket.id, key, change), value: encodeGarbageRow({ locations }) }];
}

/** The data freed of a key that is not drained yet. */
export async function* undrainedOf({
  bucket,
  key,
  partition,
}: KeyPlace): AsyncGenerator<DataLocation, void, undefined> {
  const range = routedRange(space.garbage, bucket.id, key);
  for await (const rows of scanPages(partition, range, rowsAtOnce)) {
    for (const row of rows) yield* decodeGarbageRow(row.value).locations;
  }
}
