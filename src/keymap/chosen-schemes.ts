import { StoreError } from "../base/errors.ts";
import { type RefusalOf, refuse } from "../base/refusal.ts";
import { type Ready, whenReady } from "../base/ready.ts";
import { type Row, readRow } from "../engine/engine.ts";
import { scanAll } from "../engine/scan-pages.ts";
import { decodeBucketRow } from "../format/bucket-row.ts";
import type { ExtentClass } from "../format/extent-row.ts";
import type { BucketId } from "../format/ids.ts";
import {
  type ChosenSchemePlace,
  chosenSchemeKey,
  parseChosenSchemeKey,
  space,
  spaceRange,
} from "../format/row-keys.ts";
import {
  type ChosenSchemeRow,
  decodeChosenSchemeRow,
  encodeChosenSchemeRow,
} from "../format/scheme-row.ts";
import type { BucketRowPlace } from "./bucket-versioning.ts";
import type { Keymap } from "./keymap.ts";

/*
 * Which schemes operators chose: for a storage class, or for the objects of one bucket that are of
 * that class. Where nothing is chosen the scheme follows from the disks
 * (placement/choose-scheme.ts).
 *
 * A bucket's choices stand under its id and go with it, as its configurations do: each change of
 * one puts the bucket's row again, so that the commit that deletes the bucket misses none.
 */

/** @limit Each failure means that somebody else changed the bucket's row or the choice. */
const attemptsMax = 16;

/** The extents that objects of this storage class go to which are in the bucket. */
export function readExtentClass(
  { system }: Pick<Keymap, "system">,
  storageClass: string,
  bucket: BucketId,
): Ready<ExtentClass> {
  return whenReady(readRow(system, chosenSchemeKey({ storageClass, bucket })), (row) => {
    const bucketScheme = row && decodeChosenSchemeRow(row.value).scheme;
    return { storageClass, bucketScheme };
  });
}

/** What was chosen for all objects of the storage class. */
export function readClassChoice(
  { system }: Pick<Keymap, "system">,
  storageClass: string,
): Ready<ChosenSchemeRow | undefined> {
  const key = chosenSchemeKey({ storageClass, bucket: undefined });
  return whenReady(readRow(system, key), (row) => row && decodeChosenSchemeRow(row.value));
}

/** All choices: those for all buckets first, then by bucket. */
export async function listChosenSchemes({
  system,
}: Pick<Keymap, "system">): Promise<(ChosenSchemePlace & ChosenSchemeRow)[]> {
  const rows = await scanAll(system, spaceRange(space.chosenSchemes));
  return rows.map(({ key, value }) => {
    return { ...parseChosenSchemeKey(key), ...decodeChosenSchemeRow(value) };
  });
}

/** True if the scheme is chosen for the objects of some bucket that are of the storage class. */
export async function isSchemeOfABucket(
  keymap: Pick<Keymap, "system">,
  storageClass: string,
  scheme: string,
): Promise<boolean> {
  const all = await listChosenSchemes(keymap);
  return all.some((one) => {
    return one.bucket !== undefined && one.storageClass === storageClass && one.scheme === scheme;
  });
}

/** Chooses a scheme, or takes the choice back where `row` is undefined. */
export async function changeChosenScheme(
  { system, session }: Keymap,
  place: { readonly storageClass: string; readonly bucket?: BucketRowPlace | undefined },
  row: ChosenSchemeRow | undefined,
): Promise<{ done: true } | RefusalOf<"noSuchBucket">> {
  const { storageClass, bucket } = place;
  const key = chosenSchemeKey({ storageClass, bucket: bucket?.id });
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const [before, bucketRow] = await system.read([key, ...(bucket ? [bucket.key] : [])]);
    if (bucket !== undefined && !isRowOf(bucketRow, bucket)) return refuse("noSuchBucket");
    if (row === undefined && before === undefined) return { done: true };
    const ofBucket = bucketRow === undefined ? [] : [bucketRow];
    const puts = ofBucket.map(({ key: bucketKey, value }) => ({ key: bucketKey, value }));
    const { outcome } = await system.commit({
      id: session.nextChangeId(),
      checks: ofBucket.map(({ key: bucketKey, stamp }) => ({ key: bucketKey, expect: stamp })),
      puts: row === undefined ? puts : [...puts, { key, value: encodeChosenSchemeRow(row) }],
      deletes: row === undefined ? [key] : [],
      leavesReserve: row !== undefined,
    });
    if (outcome === "ok") return { done: true };
  }
  throw new StoreError("overloaded", `the scheme of ${storageClass} kept changing: try again`);
}

function isRowOf(row: Row | undefined, { id }: BucketRowPlace): boolean {
  return row !== undefined && decodeBucketRow(row.value).id === id;
}

/** Keys of all choices for a bucket: as many as there are storage classes. */
export async function chosenSchemeKeysOf(
  { system }: Keymap,
  bucket: BucketId,
): Promise<Uint8Array[]> {
  const rows = await scanAll(system, spaceRange(space.chosenSchemes, bucket));
  return rows.map(({ key }) => key);
}
