import { whenReady } from "../../base/ready.ts";
import type { BucketFenceRow } from "../../format/bucket-row.ts";
import type { NameValue } from "../../format/object-row.ts";
import { commitPlan, type Plan } from "../../rows/commit.ts";
import type { Bucket } from "../decoded-buckets.ts";
import type { ObjectStore } from "../object-store.ts";
import { isRefusal, type Refusal } from "../refusal.ts";
import { openTarget } from "../target.ts";
import { planRewrite } from "../../rows/version-changes.ts";
import { shownVersionId, type VersionRef } from "../../format/version-id.ts";
import { type Version, versionKeys } from "../../rows/versions.ts";
import { openVersion, openVersionFrom } from "../version/open-version.ts";

export interface TagsAddress {
  readonly bucket: Bucket;
  readonly key: Uint8Array;
  /** Undefined: the current one. */
  readonly version?: VersionRef | undefined;
}

/** The tags of a stored object. */
export interface TagsOfVersion {
  /** Undefined: the bucket was never versioned. */
  readonly versionId: string | undefined;
  readonly tags: readonly NameValue[];
}

/** Refuses as GET does: `noSuchKey`, `noSuchVersion`, `isDeleteMarker`. */
export async function getTags(
  store: ObjectStore,
  address: TagsAddress,
): Promise<TagsOfVersion | Refusal> {
  const target = openTarget(store, address.bucket, address.key);
  if (isRefusal(target)) return target;
  const version = await openVersion(target, address.version);
  if (isRefusal(version)) return version;
  const { row } = version;
  return {
    versionId: shownVersionId(row, target.bucket.versioning),
    tags: row.attributes.tags,
  };
}

/** Replaces all tags where the version stands; what else is known of it stays as it is. */
export async function putTags(
  store: ObjectStore,
  input: TagsAddress & { readonly tags: readonly NameValue[] },
): Promise<TagsOfVersion | Refusal> {
  const target = openTarget(store, input.bucket, input.key);
  if (isRefusal(target)) return target;
  const { version, tags } = input;
  return commitPlan(
    store,
    target,
    (fence, rows) =>
      whenReady(openVersionFrom(target, version, rows), (found) =>
        isRefusal(found) ? found : planTags(found, fence, tags),
      ),
    { reads: versionKeys(target, version) },
  );
}

function planTags(
  version: Version,
  fence: BucketFenceRow,
  tags: readonly NameValue[],
): Plan<TagsOfVersion> {
  const { row } = version;
  const rewrite = planRewrite(version, { ...row, attributes: { ...row.attributes, tags } });
  return {
    // holds: C1 tagged-version-unchanged
    checks: rewrite.checks,
    puts: rewrite.puts,
    deletes: [],
    freed: [],
    result: { versionId: shownVersionId(row, fence.versioning), tags },
  };
}
