import { type Ready, whenReady } from "../../base/ready.ts";
import type { EngineReader, Row } from "../../engine/engine.ts";
import type { ChangeId } from "../../format/ids.ts";
import type { ObjectRow } from "../../format/object-row.ts";
import { decodeObjectRow } from "../../format/object-row.ts";
import { headKey, routedRange, space, versionKey } from "../../format/row-keys.ts";
import type { Refusal } from "../refusal.ts";
import { refuse } from "../refusal.ts";
import type { Target } from "../target.ts";
import type { VersionRef } from "./version-id.ts";
import { isVersion, versionIdOf, versionIdText } from "./version-id.ts";
import { readRow } from "../../engine/engine.ts";

/*
 * The versions of a key: the newest is its head row, the older ones stand in the versions space, newest
 * first. A key with older versions has a head. A version moves from the one place to the other when a
 * newer one comes or goes, always in a commit that puts or deletes the head: so whoever looks in both
 * places looks at one moment.
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

export function readHead(target: Target): Ready<Version | undefined> {
  return headIn(target.partition, target);
}

/** The object that a head stands for: none for a delete marker. */
export function objectOf(head: Version | undefined): ObjectRow | undefined {
  return head?.row.kind === "object" ? head.row : undefined;
}

export function readVersion(target: Target, ref: VersionRef): Promise<PlacedVersion | undefined> {
  return target.partition.inSnapshot(async (reader) => {
    const head = await headIn(reader, target);
    if (head === undefined) return undefined;
    if (isVersion(head.row, ref)) return { head, version: head };
    const order = ref.kind === "id" ? ref.order : head.row.nullOrder;
    const version = await olderIn(reader, target, order);
    return version !== undefined && isVersion(version.row, ref) ? { head, version } : undefined;
  });
}

/** The same version where it is now; undefined: it has gone. */
export function readAgain(target: Target, before: ObjectRow): Promise<Version | undefined> {
  return target.partition.inSnapshot(async (reader) => {
    const head = await headIn(reader, target);
    const isHead = head?.row.order === before.order;
    const found = isHead ? head : await olderIn(reader, target, before.order);
    return found?.row.blob === before.blob ? found : undefined;
  });
}

/** The version in the versions space with this order. */
export function readOlder(target: Target, order: number): Ready<Version | undefined> {
  return olderIn(target.partition, target, order);
}

/** The version that would be the head if that went. */
export async function readNewestOlder(target: Target): Promise<Version | undefined> {
  const range = routedRange(space.versions, target.bucket.id, target.key);
  const [row] = await target.partition.scan(range, { limit: 1 });
  return versionOf(row);
}

/**
 * The object that a reader asks for. `noSuchKey` (details DeleteMarker and VersionId where a delete
 * marker is the current version), `noSuchVersion`, `isDeleteMarker` (details VersionId).
 */
export function openVersion(target: Target, ref: VersionRef | undefined): Ready<Version | Refusal> {
  if (ref !== undefined) return openNamed(target, ref);
  return whenReady(readHead(target), (head) => {
    if (head === undefined) return refuse("noSuchKey");
    if (head.row.kind === "object") return head;
    const details = { DeleteMarker: "true", VersionId: versionIdOf(head.row) };
    return refuse("noSuchKey", { details });
  });
}

async function openNamed(target: Target, ref: VersionRef): Promise<Version | Refusal> {
  const found = await readVersion(target, ref);
  const details = { VersionId: versionIdText(ref) };
  if (found === undefined) return refuse("noSuchVersion", { details });
  const { version } = found;
  return version.row.kind === "object" ? version : refuse("isDeleteMarker", { details });
}

function headIn(reader: EngineReader, target: Target): Ready<Version | undefined> {
  return whenReady(readRow(reader, headKey(target.bucket.id, target.key)), versionOf);
}

function olderIn(
  reader: EngineReader,
  target: Target,
  order: number | undefined,
): Ready<Version | undefined> {
  if (order === undefined) return undefined;
  const key = versionKey(target.bucket.id, target.key, order);
  return whenReady(readRow(reader, key), versionOf);
}

/** A version from its row, in either place. */
export function versionOf(row: Row | undefined): Version | undefined {
  if (row === undefined) return undefined;
  return { rowKey: row.key, row: decodeObjectRow(row.value), stamp: row.stamp };
}
