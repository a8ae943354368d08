import { decodeUtf8, toHex } from "../base/bytes.ts";
import type { BucketId } from "./ids.ts";
import { bucketNameOfKey, parseHeadKey, parseRoutedKey, rowKeyOf, space } from "./row-keys.ts";

const spaceNames: ReadonlyMap<number, string> = new Map(
  Object.entries(space).map(([name, byte]) => [byte, name]),
);

/** What the rows of one object key are, for people. */
const objectRows: ReadonlyMap<number, string> = new Map<number, string>([
  [space.heads, "object"],
  [space.versions, "older version of"],
  [space.uploads, "multipart upload of"],
  [space.parts, "part of a multipart upload of"],
  [space.garbage, "record of freed data of"],
]);

/** Which row a key is that of, for people; any bytes will do, since they may be damaged. */
export function nameOfRow(
  storedKey: Uint8Array,
  bucketNames: ReadonlyMap<BucketId, string> = new Map(),
): string {
  const rowKey = rowKeyOf(storedKey);
  const [first = 0] = rowKey;
  const what = objectRows.get(first);
  try {
    if (first === space.buckets) return `bucket ${decodeUtf8(bucketNameOfKey(rowKey))}`;
    if (what !== undefined) {
      const { bucket, key } = first === space.heads ? parseHeadKey(rowKey) : parseRoutedKey(rowKey);
      return `${what} ${bucketNames.get(bucket) ?? `bucket ${bucket}`}/${decodeUtf8(key)}`;
    }
  } catch {
    // The key itself is damaged.
  }
  return `row ${toHex(storedKey)} (${spaceNames.get(first) ?? "of no known kind"})`;
}
