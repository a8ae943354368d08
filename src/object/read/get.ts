import { type Ready, whenReady } from "../../base/ready.ts";
import type { StoredChecksum } from "../../format/checksum.ts";
import type { PartList } from "../../format/manifest.ts";
import type { ObjectRow } from "../../format/object-row.ts";
import {
  checkRead,
  etagOf,
  isStillSame,
  type RangeCondition,
  type ReadConditions,
} from "../conditions.ts";
import { readPartList } from "./chunk-finder.ts";
import { followingMoves } from "./moved-rows.ts";
import { ObjectBody, type Peer } from "./object-body.ts";
import type { Bucket } from "../decoded-buckets.ts";
import type { ObjectStore } from "../object-store.ts";
import { type RangeRequest, resolveRange, type Span } from "./ranges.ts";
import { isRefusal, type Refusal, refuse } from "../refusal.ts";
import { openTarget, type Target } from "../target.ts";
import { shownVersionId, type VersionRef } from "../../format/version-id.ts";
import type { Version } from "../../rows/versions.ts";
import { openVersion } from "../version/open-version.ts";

export type { RangeRequest };

export interface GetInput {
  readonly bucket: Bucket;
  readonly key: Uint8Array;
  /** Undefined: the current one. */
  readonly version?: VersionRef | undefined;
  readonly conditions: ReadConditions;
  readonly range?: RangeRequest | undefined;
  /** Where it does not hold, the whole object is read. */
  readonly rangeIf?: RangeCondition | undefined;
  readonly partNumber?: number | undefined;
  /**
   * The peer whose signal ends the read. It is asked for only where a read lasts: making one costs
   * more than a small read.
   */
  readonly peer?: Peer | undefined;
}

export interface ObjectInfo {
  readonly row: ObjectRow;
  readonly etag: string;
  /** Undefined: the bucket was never versioned. */
  readonly versionId: string | undefined;
  /**
   * The bytes of the object that are returned: bytes first … first + length - 1; `partial` where
   * that is asked for. No bytes are never partial: there is no way to say which of the object they
   * are.
   */
  readonly first: number;
  readonly length: number;
  readonly partial: boolean;
  /** Set for a read by part number of a multipart object: how many there are, and this one's. */
  readonly partCount?: number | undefined;
  readonly partChecksum?: StoredChecksum | undefined;
}

export interface ObjectRead extends ObjectInfo {
  readonly body: ObjectBody;
}

/**
 * `noSuchKey` (details DeleteMarker and VersionId where a delete marker is the current version),
 * `noSuchVersion`, `isDeleteMarker` (details VersionId), `preconditionFailed`, `notModified`,
 * `invalidRange` (details ActualObjectSize, RangeRequested is the caller's), `invalidPartNumber`.
 * Nothing is held until the body is iterated; a body not iterated costs nothing.
 */
export function getObject(store: ObjectStore, input: GetInput): Ready<ObjectRead | Refusal> {
  return whenReady(findObject(store, input), (found) => {
    if (isRefusal(found)) return found;
    const { info, target, version } = found;
    const span = { first: info.first, end: info.first + info.length };
    return { ...info, body: new ObjectBody(store, { target, version, span }, input.peer) };
  });
}

export function headObject(store: ObjectStore, input: GetInput): Ready<ObjectInfo | Refusal> {
  return whenReady(findObject(store, input), (found) => (isRefusal(found) ? found : found.info));
}

interface FoundObject {
  readonly info: ObjectInfo;
  readonly target: Target;
  readonly version: Version;
}

function findObject(store: ObjectStore, input: GetInput): Ready<FoundObject | Refusal> {
  const target = openTarget(store, input.bucket, input.key);
  if (isRefusal(target)) return target;
  return whenReady(openVersion(target, input.version), (version) =>
    isRefusal(version) ? version : selectFrom(store, target, version, input),
  );
}

function selectFrom(
  store: ObjectStore,
  target: Target,
  version: Version,
  input: GetInput,
): Ready<FoundObject | Refusal> {
  const { row } = version;
  const refusal = checkRead(input.conditions, row, store.platform.clock.now());
  if (refusal !== undefined) return refusal;
  return whenReady(select(store, target, version, input), (selected) => {
    if (isRefusal(selected)) return selected;
    const { first, end, ...rest } = selected;
    const versionId = shownVersionId(row, target.bucket.versioning);
    const info = { row, etag: etagOf(row), versionId, first, length: end - first, ...rest };
    return { info, target, version };
  });
}

/** The description of an object that needs no read of its data. */
export interface ObjectDescription extends Pick<ObjectInfo, "row" | "etag" | "versionId"> {
  /** The parts that it was made of, in order; undefined where it was stored in one go. */
  parts(): Ready<PartList | undefined>;
}

/** Refuses as GET does. */
export async function describeObject(
  store: ObjectStore,
  input: Pick<GetInput, "bucket" | "key" | "version">,
): Promise<ObjectDescription | Refusal> {
  const found = await findObject(store, { ...input, conditions: {} });
  if (isRefusal(found)) return found;
  const { info, target, version } = found;
  const none = info.row.partCount === 0;
  const parts = () => (none ? undefined : partsOf(store, target, version));
  return { ...info, parts };
}

/** The parts that a multipart object was made of, in order. */
export function partsOf(store: ObjectStore, target: Target, version: Version): Ready<PartList> {
  return followingMoves(store, target, version, ({ row }) => readPartList(store, target, row));
}

type Selection = Span & Pick<ObjectInfo, "partial" | "partCount" | "partChecksum">;

/** Which bytes are asked for. */
function select(
  store: ObjectStore,
  target: Target,
  version: Version,
  input: GetInput,
): Ready<Selection | Refusal> {
  const { range, partNumber } = input;
  const { size, partCount } = version.row;
  if (range !== undefined && partNumber !== undefined) {
    const message = "Cannot specify both Range header and partNumber query parameter";
    return refuse("invalidRequest", { message });
  }
  const { rangeIf } = input;
  if (range !== undefined && (rangeIf === undefined || isStillSame(rangeIf, version.row))) {
    const span = resolveRange(range, size);
    if (span !== undefined) return { ...span, partial: span.first < span.end };
    return refuse("invalidRange", { details: { ActualObjectSize: String(size) } });
  }
  if (partNumber === undefined) return { first: 0, end: size, partial: false };
  if (partNumber > Math.max(partCount, 1)) {
    const asked = { PartNumberRequested: String(partNumber) };
    const details = { ...asked, ActualPartCount: String(Math.max(partCount, 1)) };
    return refuse("invalidPartNumber", { details });
  }
  if (partCount === 0) return { first: 0, end: size, partial: size > 0 };
  return whenReady(partsOf(store, target, version), (parts) => {
    // The n-th of the parts there are, so that asking for 1 … parts-count gives the whole whatever
    // the numbers they were uploaded under.
    const index = partNumber - 1;
    const { checksum: partChecksum } = parts.get(index);
    const [first, end] = [parts.startOf(index), parts.endOf(index)];
    return { first, end, partial: first < end, partCount, partChecksum };
  });
}
