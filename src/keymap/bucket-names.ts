import { decodeUtf8 } from "../base/bytes.ts";
import { scanAll } from "../engine/scan-pages.ts";
import { decodeBucketRow } from "../format/bucket-row.ts";
import type { BucketId } from "../format/ids.ts";
import { bucketNameOfKey, space, spaceRange } from "../format/row-keys.ts";
import type { Keymap } from "./keymap.ts";

/** The names of all buckets, for people. */
export async function readBucketNames({
  system,
}: Pick<Keymap, "system">): Promise<ReadonlyMap<BucketId, string>> {
  const rows = await scanAll(system, spaceRange(space.buckets));
  return new Map(
    rows.map(({ key, value }) => [decodeBucketRow(value).id, decodeUtf8(bucketNameOfKey(key))]),
  );
}
