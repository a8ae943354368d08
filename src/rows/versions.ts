import { type Ready, whenReady } from "../base/ready.ts";
import { type EngineReader, readRow, type Row, type Rows } from "../engine/engine.ts";
import type { BucketId, ChangeId } from "../format/ids.ts";
import { decodeObjectRow, type ObjectRow } from "../format/object-row.ts";
import { headKey, routedRange, space, versionKey } from "../format/row-keys.ts";
import { isVersion, type VersionRef } from "../format/version-id.ts";
import type { Partition } from "../keymap/keymap.ts";

/** Where the rows of a key are read: in their partition, or in a snapshot of it. */
export interface ReadPlace {
  readonly bucket: { readonly id: BucketId };
  readonly key: Uint8Array;
  readonly partition: EngineReader;
}

/** Where the rows of a key are. */
export interface KeyPlace extends ReadPlace {
  readonly partition: Partition;
}

/*
 * The versions of a key: the newest is its head row, the older ones stand in the versions space,
 * newest first. A key with older versions has a head. A version moves from the one place to the
 * other when a newer one comes or goes, always in a commit that puts or deletes the head: so a
 * reader that looks in both places looks at one moment.
 */

/** A version as it was read, in either place. */
export interface Version {
  readonly rowKey: Uint8Array;
  readonly row: ObjectRow;
  readonly stamp: ChangeId;
}

/** A version, and the head of its key at the same moment; they may be the same. */
export interface PlacedVersion {
  readonly head: Version;
  readonly version: Version;
}

export function readHead(target: KeyPlace): Ready<Version | undefined> {
  return whenReady(readRow(target.partition, headKeyOf(target)), versionOf);
}

/** The object that a head stands for: none for a delete marker. */
export function objectOf(head: Version | undefined): ObjectRow | undefined {
  return head?.row.kind === "object" ? head.row : undefined;
}

/** A version by its reference, and the head of that moment. */
export function readVersion(target: KeyPlace, ref: VersionRef): Ready<PlacedVersion | undefined> {
  const rows = target.partition.read(versionKeys(target, ref));
  return whenReady(rows, (found) => versionFrom(target, ref, found));
}

/** The rows to read for a version (undefined: the current one): the head, and its own place. */
export function versionKeys(target: KeyPlace, ref: VersionRef | undefined): Uint8Array[] {
  const head = headKeyOf(target);
  return ref?.kind === "id" ? [head, olderKeyOf(target, ref.order)] : [head];
}

/**
 * What `readVersion` finds, from the rows of `versionKeys`; a promise only where the head says that
 * the null version stands behind it: then both are read again, as of one moment.
 */
export function versionFrom(
  target: KeyPlace,
  ref: VersionRef,
  [headRow, olderRow]: Rows,
): Ready<PlacedVersion | undefined> {
  const head = versionOf(headRow);
  if (head === undefined) return undefined;
  if (isVersion(head.row, ref)) return { head, version: head };
  if (ref.kind === "null") {
    return head.row.nullOrder === undefined ? undefined : readNullVersion(target);
  }
  const older = versionOf(olderRow);
  return older !== undefined && isVersion(older.row, ref) ? { head, version: older } : undefined;
}

/** Where that stands is said by the head, so there is a second thing to read. */
function readNullVersion({ partition, ...target }: KeyPlace): Ready<PlacedVersion | undefined> {
  return partition.inSnapshot((reader) =>
    whenReady(readRow(reader, headKeyOf(target)), (row) => {
      const head = versionOf(row);
      if (head === undefined || head.row.nullVersion) return head && { head, version: head };
      const { nullOrder } = head.row;
      if (nullOrder === undefined) return undefined;
      return whenReady(readRow(reader, olderKeyOf(target, nullOrder)), (found) => {
        const version = versionOf(found);
        return version?.row.nullVersion === true ? { head, version } : undefined;
      });
    }),
  );
}

/** The same version where it is now; undefined: it has gone. */
export function readAgain(target: KeyPlace, before: ObjectRow): Ready<Version | undefined> {
  return whenReady(readBoth(target, before.order), ([head, older]) => {
    const found = head?.row.order === before.order ? head : older;
    return found?.row.blob === before.blob ? found : undefined;
  });
}

/** The head, and what stands in the versions space with this order, of one moment. */
function readBoth(target: KeyPlace, order: number): Ready<(Version | undefined)[]> {
  const keys = [headKeyOf(target), olderKeyOf(target, order)];
  return whenReady(target.partition.read(keys), (rows) => rows.map(versionOf));
}

/** The version in the versions space with this order. */
export function readOlder(target: KeyPlace, order: number): Ready<Version | undefined> {
  return whenReady(readRow(target.partition, olderKeyOf(target, order)), versionOf);
}

/** The version that would be the head if that went. */
export function readNewestOlder(target: KeyPlace): Ready<Version | undefined> {
  const range = routedRange(space.versions, target.bucket.id, target.key);
  return whenReady(target.partition.scan(range, { limit: 1 }), ([row]) => versionOf(row));
}

function headKeyOf({ bucket, key }: Pick<KeyPlace, "bucket" | "key">): Uint8Array {
  return headKey(bucket.id, key);
}

function olderKeyOf({ bucket, key }: Pick<KeyPlace, "bucket" | "key">, order: number): Uint8Array {
  return versionKey(bucket.id, key, order);
}

/** A version from its row, in either place. */
export function versionOf(row: Row | undefined): Version | undefined {
  if (row === undefined) return undefined;
  return { rowKey: row.key, row: decodeObjectRow(row.value), stamp: row.stamp };
}
