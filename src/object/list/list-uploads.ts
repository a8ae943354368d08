import { afterKey as nextRowKey, afterPrefix, compareBytes } from "../../base/bytes.ts";
import type { Row } from "../../engine/engine.ts";
import type { UploadId } from "../../format/ids.ts";
import { keyBytesMax } from "../../format/limits.ts";
import type { UploadRow } from "../../format/object-row.ts";
import { decodeUploadRow } from "../../format/object-row.ts";
import {
  objectKeyOfRouted,
  parseUploadKey,
  routedRange,
  space,
  spaceRange,
  uploadKey,
} from "../../format/row-keys.ts";
import type { Bucket } from "../decoded-buckets.ts";
import type { ObjectStore } from "../object-store.ts";
import type { PageSource } from "../page-scan.ts";
import { commonPrefixOf, firstKeyAfter, skipDamaged, scanBucket, scanPage } from "../page-scan.ts";
import type { Refusal } from "../refusal.ts";

export type UploadListItem =
  | {
      readonly kind: "upload";
      readonly key: Uint8Array;
      readonly upload: UploadId;
      readonly row: UploadRow;
    }
  | { readonly kind: "prefix"; readonly prefix: Uint8Array };

/** Uploads by key, then by age; grouped by delimiter as `listObjects` does. */
export async function listUploads(
  store: ObjectStore,
  input: {
    readonly bucket: Bucket;
    readonly prefix: Uint8Array;
    readonly delimiter: Uint8Array | undefined;
    /** The page begins after this key's uploads or, with `afterUpload`, after that one of them. */
    readonly afterKey: Uint8Array | undefined;
    readonly afterUpload: UploadId | undefined;
    readonly limit: number;
  },
): Promise<{ items: readonly UploadListItem[]; truncated: boolean } | Refusal> {
  const { bucket } = input;
  const { afterKey, afterUpload, limit } = input;
  const source = uploadsOf(store, bucket);
  if (input.prefix.length > keyBytesMax) return { items: [], truncated: false };
  const isKey = afterKey !== undefined && afterKey.length <= keyBytesMax;
  const inPrefix = isKey && commonPrefixOf(afterKey, input) !== undefined;
  if (isKey && !inPrefix && afterUpload !== undefined) {
    const behind = nextRowKey(uploadKey(bucket.id, afterKey, afterUpload));
    const first = source.startOf(input.prefix);
    return scanPage(source, input, laterOf(behind, first), limit);
  }
  const first = firstKeyAfter(input, afterKey);
  if (first === undefined) return { items: [], truncated: false };
  return scanPage(source, input, source.startOf(first), limit);
}

function laterOf(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compareBytes(a, b) > 0 ? a : b;
}

function uploadsOf(store: ObjectStore, bucket: Bucket): PageSource<UploadListItem> {
  const all = spaceRange(space.uploads, bucket.id);
  const startOf = (key: Uint8Array) => routedRange(space.uploads, bucket.id, key).start;
  return {
    scan: (from, limit, { end, groupEnd }) => {
      const range = { start: from, end: end === undefined ? all.end : startOf(end) };
      const skipTo =
        groupEnd &&
        ((row: Row) => {
          const key = objectKeyOfRouted(row.key);
          const groupsEnd = isEndedUpload(row) ? -1 : groupEnd(key, 0);
          if (groupsEnd < 0) return undefined;
          const behind = afterPrefix(key, groupsEnd);
          return behind === undefined ? range.end : startOf(behind);
        });
      return scanBucket(store, bucket.id, range, { limit, onDamaged: skipDamaged, skipTo });
    },
    startOf,
    positionOf: (row) => row.key,
    keyOf: (row) => objectKeyOfRouted(row.key),
    isShown: (row) => !isEndedUpload(row),
    itemOf: uploadItem,
  };
}

function isEndedUpload({ value }: Row): boolean {
  return decodeUploadRow(value).ended !== undefined;
}

function uploadItem({ key: rowKey, value }: Row): UploadListItem {
  const { key, id: upload } = parseUploadKey(rowKey);
  return { kind: "upload", key, upload, row: decodeUploadRow(value) };
}
