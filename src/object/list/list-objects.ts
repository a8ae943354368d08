import { afterPrefix } from "../../base/bytes.ts";
import type { Row } from "../../engine/engine.ts";
import type { ObjectSummary } from "../../format/object-row.ts";
import { isDeleteMarkerRow, ObjectSummaryDecoder } from "../../format/object-row.ts";
import {
  headKey,
  objectKeyOfHead,
  routedPrefixBytes,
  space,
  spaceRange,
} from "../../format/row-keys.ts";
import type { Bucket } from "../decoded-buckets.ts";
import type { ObjectStore } from "../object-store.ts";
import type { PageSource } from "../page-scan.ts";
import { firstKeyAfter, skipDamaged, scanBucket, scanPage } from "../page-scan.ts";
import type { Refusal } from "../refusal.ts";

export interface ListInput {
  readonly bucket: Bucket;
  readonly prefix: Uint8Array;
  /** Undefined or empty: no grouping. */
  readonly delimiter: Uint8Array | undefined;
  /**
   * List what comes after this key or common prefix, in byte order. If it is a common prefix (of
   * this prefix and delimiter), or lies in one, everything under that is skipped.
   */
  readonly after: Uint8Array | undefined;
  /**
   * Where `after` is a key that lies in a common prefix: list that prefix, if keys of it follow.
   */
  readonly prefixOfAfter?: "again" | undefined;
  /** Keys and common prefixes together; 0 … 1,000. */
  readonly limit: number;
}

export type ListItem =
  | { readonly kind: "object"; readonly key: Uint8Array; readonly row: ObjectSummary }
  | { readonly kind: "prefix"; readonly prefix: Uint8Array };

export interface ListPage {
  /** Keys and prefixes, in byte order. */
  readonly items: readonly ListItem[];
  /** More follows; give the last item's key or prefix as `after` to go on. */
  readonly truncated: boolean;
}

/** One page; costs a seek per common prefix, however many keys lie under it. */
export async function listObjects(
  store: ObjectStore,
  input: ListInput,
): Promise<ListPage | Refusal> {
  const { bucket } = input;
  const first = firstKeyAfter(input, input.after, input.prefixOfAfter);
  if (first === undefined) return { items: [], truncated: false };
  const source = headsOf(store, bucket);
  return scanPage(source, input, source.startOf(first), input.limit);
}

function headsOf(store: ObjectStore, bucket: Bucket): PageSource<ListItem> {
  const all = spaceRange(space.heads, bucket.id);
  const summaries = new ObjectSummaryDecoder();
  return {
    scan: (from, limit, { end, groupEnd }) => {
      const range = { start: from, end: end === undefined ? all.end : headKey(bucket.id, end) };
      const skipTo =
        groupEnd &&
        (({ key, value }: Row) => {
          const groupsEnd = isDeleteMarkerRow(value) ? -1 : groupEnd(key, routedPrefixBytes);
          return groupsEnd < 0 ? undefined : afterPrefix(key, groupsEnd);
        });
      return scanBucket(store, bucket.id, range, { limit, onDamaged: skipDamaged, skipTo });
    },
    startOf: (key) => headKey(bucket.id, key),
    positionOf: (row) => row.key,
    keyOf: (row) => objectKeyOfHead(row.key),
    // A delete marker as the current version hides the key.
    isShown: ({ value }) => !isDeleteMarkerRow(value),
    itemOf: ({ value }, key) => ({ kind: "object", key, row: summaries.decode(value) }),
  };
}
