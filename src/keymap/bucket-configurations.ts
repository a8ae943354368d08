import { StoreError } from "../base/errors.ts";
import { type RefusalOf, refuse } from "../base/refusal.ts";
import { type Ready, whenReady } from "../base/ready.ts";
import type { Row } from "../engine/engine.ts";
import { scanAll } from "../engine/scan-pages.ts";
import {
  decodeBucketConfigurationRow,
  decodeBucketRow,
  encodeBucketConfigurationRow,
} from "../format/bucket-row.ts";
import type { BucketId } from "../format/ids.ts";
import { bucketConfigurationKey, space, spaceRange } from "../format/row-keys.ts";
import type { BucketRowPlace } from "./bucket-versioning.ts";
import type { Keymap } from "./keymap.ts";

/*
 * Configurations of a bucket (tags, policy, lifecycle …) are rows of their own, so that a process
 * that reads the bucket's row, as each request does, does not read them. They stand under the
 * bucket's id, which is never used twice: a bucket that is made again under the same name has none
 * of the old one's.
 *
 * Each change of one puts the bucket's row again, unchanged. So a configuration is changed only
 * while its bucket is there; the commit that deletes the bucket, which checks its row and takes the
 * configurations with it, misses none; and who has read the bucket's row knows by its stamp whether
 * what he remembers of them still holds.
 *
 * A commit into the bucket does not see them. What it has to act by stands in the fences too, as
 * versioning does (bucket-versioning.ts).
 */

/** @limit Each failure means that somebody else changed the bucket's row or a configuration. */
const attemptsMax = 16;

/** A bucket, and the name of one of its configurations. */
export interface ConfigurationPlace {
  readonly bucket: BucketRowPlace;
  readonly name: string;
}

/** The document is undefined where nothing is set. */
export function readConfiguration(
  { system }: Keymap,
  { bucket, name }: ConfigurationPlace,
): Ready<{ readonly document: Uint8Array | undefined } | RefusalOf<"noSuchBucket">> {
  const keys = [bucket.key, bucketConfigurationKey(bucket.id, name)];
  return whenReady(system.read(keys), ([bucketRow, row]) => {
    if (!isOf(bucketRow, bucket)) return refuse("noSuchBucket");
    return { document: row && decodeBucketConfigurationRow(row.value).document };
  });
}

/** Sets a configuration, or takes it away where the document is undefined. */
export async function changeConfiguration(
  { system, session }: Keymap,
  { bucket, name }: ConfigurationPlace,
  document: Uint8Array | undefined,
): Promise<{ done: true } | RefusalOf<"noSuchBucket">> {
  const key = bucketConfigurationKey(bucket.id, name);
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const [bucketRow, before] = await system.read([bucket.key, key]);
    if (!isOf(bucketRow, bucket)) return refuse("noSuchBucket");
    if (document === undefined && before === undefined) return { done: true };
    const bucketPut = { key: bucket.key, value: bucketRow.value };
    const puts = document && [{ key, value: encodeBucketConfigurationRow({ document }) }];
    const { outcome } = await system.commit({
      id: session.nextChangeId(),
      checks: [{ key: bucket.key, expect: bucketRow.stamp }],
      puts: [bucketPut, ...(puts ?? [])],
      deletes: document === undefined ? [key] : [],
      leavesReserve: document !== undefined,
    });
    if (outcome === "ok") return { done: true };
  }
  throw new StoreError("overloaded", `bucket ${bucket.id} kept changing: try again`);
}

function isOf(row: Row | undefined, { id }: BucketRowPlace): row is Row {
  return row !== undefined && decodeBucketRow(row.value).id === id;
}

/** Keys of all configurations of a bucket: as many as there are names of them. */
export async function configurationKeysOf(
  { system }: Keymap,
  bucket: BucketId,
): Promise<Uint8Array[]> {
  const rows = await scanAll(system, spaceRange(space.bucketConfigurations, bucket));
  return rows.map(({ key }) => key);
}
