import { afterKey, compareBytes } from "../../base/bytes.ts";
import { keyBytesMax } from "../../format/limits.ts";
import { type ObjectSummary, ObjectSummaryDecoder } from "../../format/object-row.ts";
import { headKey, routedRange, space, spaceRange, versionKey } from "../../format/row-keys.ts";
import {
  positionOf,
  type ScannedVersion,
  scanVersions,
  versionsFrom,
} from "../../rows/version-scan.ts";
import type { Bucket } from "../decoded-buckets.ts";
import type { ObjectStore } from "../object-store.ts";
import {
  commonPrefixOf,
  firstKeyAfter,
  type PageSource,
  skipDamaged,
  scanPage,
  scanPartitions,
} from "../page-scan.ts";
import type { Refusal } from "../refusal.ts";
import { targetIn } from "../target.ts";
import type { VersionRef } from "../../format/version-id.ts";
import { readVersion } from "../../rows/versions.ts";

export interface VersionListInput {
  readonly bucket: Bucket;
  readonly prefix: Uint8Array;
  /** Undefined or empty: no grouping. */
  readonly delimiter: Uint8Array | undefined;
  /**
   * After this key (all its versions) or common prefix, or, with `version`, after that version of
   * it.
   */
  readonly after:
    | { readonly key: Uint8Array; readonly version?: VersionRef | undefined }
    | undefined;
  /** Versions and common prefixes together; 0 … 1,000. */
  readonly limit: number;
}

export type VersionListItem =
  | {
      readonly kind: "version";
      readonly key: Uint8Array;
      /** `kind` says whether it is an object or a delete marker. */
      readonly row: ObjectSummary;
      readonly latest: boolean;
    }
  | { readonly kind: "prefix"; readonly prefix: Uint8Array };

export interface VersionListPage {
  /** Sorted by key or prefix, the versions of a key from the newest on. */
  readonly items: readonly VersionListItem[];
  /** More follows; give the last item's key and version, or its prefix, as `after` to go on. */
  readonly truncated: boolean;
}

/** One page; costs a seek per common prefix, however many versions lie under it. */
export async function listVersions(
  store: ObjectStore,
  input: VersionListInput,
): Promise<VersionListPage | Refusal> {
  const { bucket } = input;
  const source = versionsIn(store, bucket);
  const { after, limit } = input;
  if (input.prefix.length > keyBytesMax) return { items: [], truncated: false };
  const inPrefix = after !== undefined && commonPrefixOf(after.key, input) !== undefined;
  const behind =
    after && !inPrefix && (await positionAfter(store, bucket, after.key, after.version));
  if (behind) {
    const first = source.startOf(input.prefix);
    const from = compareBytes(behind, first) > 0 ? behind : first;
    return scanPage(source, input, from, limit);
  }
  const first = firstKeyAfter(input, after?.key);
  if (first === undefined) return { items: [], truncated: false };
  return scanPage(source, input, source.startOf(first), limit);
}

/**
 * The first position behind a version. Where the null version has gone its place is not known: then
 * the key is listed again, since repeating is better than leaving out.
 */
async function positionAfter(
  store: ObjectStore,
  bucket: Bucket,
  key: Uint8Array,
  version: VersionRef | undefined,
): Promise<Uint8Array | undefined> {
  if (version === undefined || key.length > keyBytesMax) return undefined;
  if (version.kind === "id") return afterKey(versionKey(bucket.id, key, version.order));
  const found = await readVersion(targetIn(store, bucket, key), version);
  if (found === undefined) return routedRange(space.versions, bucket.id, key).start;
  return afterKey(versionKey(bucket.id, key, found.version.row.order));
}

function versionsIn(
  store: ObjectStore,
  { id }: Bucket,
): PageSource<VersionListItem, ScannedVersion> {
  const startOf = (key: Uint8Array) => routedRange(space.versions, id, key).start;
  const allHeads = spaceRange(space.heads, id);
  const allOlder = spaceRange(space.versions, id);
  const summaries = new ObjectSummaryDecoder();
  return {
    scan: (from, limit, { end, groupEnd }) => {
      const bounded = end !== undefined;
      const heads = { ...allHeads, end: bounded ? headKey(id, end) : allHeads.end };
      const older = { ...allOlder, end: bounded ? startOf(end) : allOlder.end };
      if (compareBytes(from, older.end) >= 0) return [];
      const range = versionsFrom({ heads, older }, from);
      return scanPartitions(store, id, limit, (partition, rows) =>
        scanVersions(partition, range, {
          limit: rows,
          onDamaged: skipDamaged,
          groupEnd,
        }),
      );
    },
    startOf,
    positionOf,
    keyOf: ({ key }) => key,
    isShown: () => true,
    itemOf: ({ row, isHead }, key) => {
      return { kind: "version", key, row: summaries.decode(row.value), latest: isHead };
    },
  };
}
