import { afterKey, compareBytes } from "../../base/bytes.ts";
import { encodeBucketRow } from "../../format/bucket-row.ts";
import type { BucketId } from "../../format/ids.ts";
import { prefixRange, space, spaceRange } from "../../format/row-keys.ts";
import { configurationKeysOf } from "../../keymap/bucket-configurations.ts";
import { chosenSchemeKeysOf } from "../../keymap/chosen-schemes.ts";
import {
  closeFences,
  putFences,
  removeFences,
  reopenBucket,
} from "../../keymap/bucket-lifecycle.ts";
import { applyVersioning } from "../../keymap/bucket-versioning.ts";
import { nextId } from "../../keymap/counters.ts";
import { bucketRowKey, findBucket, type FoundBucket } from "../find-bucket.ts";
import { type Bucket, bucketOf } from "../decoded-buckets.ts";
import { freeUploads } from "../../rows/upload-end.ts";
import type { ObjectStore } from "../object-store.ts";
import { skipDamaged, scanBucket } from "../page-scan.ts";
import { type Refusal, refuse } from "../refusal.ts";

export { getBucket } from "../find-bucket.ts";
export type { Bucket } from "../decoded-buckets.ts";

/**
 * Makes a bucket; at most one of racing creators succeeds. `bucketOwnedByYou` or `bucketExists`
 * where there is one.
 */
export async function createBucket(
  store: ObjectStore,
  input: { name: string; owner: string; account: string; region: string },
): Promise<Bucket | Refusal> {
  const { name, owner, account, region } = input;
  const taken = await refuseTaken(store, name, account);
  if (taken !== undefined) return taken;
  const { keymap, platform } = store;
  const id = (await nextId(keymap, "buckets")) as BucketId; // what that counter counts
  const createdMs = platform.clock.now();
  const versioning = "off" as const;
  const numbers = { lastVersioningNumber: 0, versioningNumber: 0 };
  const row = { id, createdMs, owner, account, region, versioning, ...numbers };
  // Fences first: from the moment the bucket can be found, it can be written.
  await putFences(keymap, id);
  const key = bucketRowKey(name);
  const { outcome } = await keymap.system.commit({
    id: keymap.session.nextChangeId(),
    checks: [{ key, expect: "absent" }],
    puts: [{ key, value: encodeBucketRow(row) }],
    deletes: [],
  });
  if (outcome === "ok") return { name, ...row };
  await removeFences(keymap, id);
  return (await refuseTaken(store, name, account)) ?? refuse("operationAborted");
}

/** Why the name can't be had. A deletion that was begun and left is taken back on the way. */
async function refuseTaken(
  store: ObjectStore,
  name: string,
  account: string,
): Promise<Refusal | undefined> {
  const found = await findBucket(store, name);
  if (found === undefined) return undefined;
  if (!(await reopenBucket(store.keymap, found.row))) return refuse("operationAborted");
  return refuse(found.bucket.account === account ? "bucketOwnedByYou" : "bucketExists");
}

/**
 * `bucketNotEmpty` while an object, version or delete marker is in it; unfinished uploads go with
 * it.
 */
export async function deleteBucket(
  store: ObjectStore,
  name: string,
): Promise<{ deleted: true } | Refusal> {
  const found = await findBucket(store, name);
  if (found === undefined) return refuse("noSuchBucket");
  const { id } = found.bucket;
  // Most refusals end here, before anybody's writes are turned away.
  if (!(await isEmpty(store, id))) {
    await reopenBucket(store.keymap, found.row);
    return refuse("bucketNotEmpty");
  }
  await closeFences(store.keymap, id);
  try {
    const refusal = await deleteClosed(store, found);
    if (refusal === undefined) return { deleted: true };
    await reopenBucket(store.keymap, found.row);
    return refusal;
  } catch (error) {
    // If this fails too, the next one to create or delete it repairs it; the first error is the one
    // to tell.
    await reopenBucket(store.keymap, found.row).catch(() => false);
    throw error;
  }
}

/** The rest of a deletion, once nothing can be written. */
async function deleteClosed(
  store: ObjectStore,
  { bucket, row }: FoundBucket,
): Promise<Refusal | undefined> {
  if (!(await isEmpty(store, bucket.id))) return refuse("bucketNotEmpty");
  const refusal = await freeUploads(store, bucket);
  if (refusal !== undefined) return refusal;
  const { keymap } = store;
  const configurations = await configurationKeysOf(keymap, bucket.id);
  const schemes = await chosenSchemeKeysOf(keymap, bucket.id);
  const { outcome } = await keymap.system.commit({
    id: keymap.session.nextChangeId(),
    checks: [{ key: row.key, expect: row.stamp }],
    puts: [],
    deletes: [row.key, ...configurations, ...schemes],
  });
  if (outcome === "conflict") return refuse("operationAborted");
  await removeFences(keymap, bucket.id);
  return undefined;
}

/**
 * Once this is answered, no commit into the bucket acts in the old state
 * (keymap/bucket-versioning.ts). Repeating it finishes what was left in the middle. `noSuchBucket`,
 * `operationAborted`.
 */
export async function setVersioning(
  store: ObjectStore,
  bucketName: string,
  versioning: "enabled" | "suspended",
): Promise<{ done: true } | Refusal> {
  const found = await findBucket(store, bucketName);
  if (found === undefined) return refuse("noSuchBucket");
  return applyVersioning(store.keymap, { key: found.row.key, id: found.bucket.id }, versioning);
}

async function isEmpty(store: ObjectStore, bucket: BucketId): Promise<boolean> {
  const one = { limit: 1 };
  const heads = await scanBucket(store, bucket, spaceRange(space.heads, bucket), one);
  if (heads.length > 0) return false;
  const versions = await scanBucket(store, bucket, spaceRange(space.versions, bucket), one);
  return versions.length === 0;
}

/** @limit Rows read at once while looking for an account's buckets. */
const bucketBatch = 1000;

/** @limit S3's rule; names are ASCII. */
const bucketNameBytesMax = 63;

/** Buckets in name order, from the first name greater than `after`; of one account, or all. */
export async function listBuckets(
  store: ObjectStore,
  input: {
    account: string | undefined;
    region?: string | undefined;
    prefix?: string | undefined;
    after?: string | undefined;
    limit: number;
  },
): Promise<{ buckets: Bucket[]; more: boolean }> {
  const buckets: Bucket[] = [];
  // No name is longer, so no name has a longer prefix, and what is behind its first bytes is behind
  // all of it.
  const { prefix = "", after = "" } = input;
  if (prefix.length > bucketNameBytesMax) return { buckets, more: false };
  const { start: first, end } = prefixRange(bucketRowKey(prefix));
  const behind = afterKey(bucketRowKey(after.slice(0, bucketNameBytesMax + 1)));
  let start = compareBytes(behind, first) > 0 ? behind : first;
  while (compareBytes(start, end) < 0) {
    const rows = await store.keymap.system.scan(
      { start, end },
      { limit: bucketBatch, onDamaged: skipDamaged },
    );
    for (const bucket of rows.map(bucketOf)) {
      if (input.account !== undefined && bucket.account !== input.account) continue;
      if (input.region !== undefined && bucket.region !== input.region) continue;
      if (buckets.length === input.limit) return { buckets, more: true };
      buckets.push(bucket);
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < bucketBatch) break;
    start = afterKey(last.key);
  }
  return { buckets, more: false };
}
