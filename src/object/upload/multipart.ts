import type { Rows } from "../../engine/engine.ts";
import { ByteWriter } from "../../format/codec.ts";
import type { BucketFenceRow } from "../../format/bucket-row.ts";
import { type BucketId, bytesOfId, idOfBytes, type UploadId } from "../../format/ids.ts";
import {
  encodeUploadRow,
  type ObjectAttributes,
  type PartRow,
  type UploadRow,
} from "../../format/object-row.ts";
import { bucketFenceKey, headKey, partKey, uploadKey } from "../../format/row-keys.ts";
import type { Hash } from "../../platform/hash.ts";
import type { Bucket } from "../decoded-buckets.ts";
import { storeBody } from "../write/store-body.ts";
import type { IncomingBody } from "../write/incoming-body.ts";
import { commitPlan, fenceOf, type Plan, type Planned, releasing } from "../../rows/commit.ts";
import { etagOf } from "../conditions.ts";
import { freeUpload } from "../../rows/upload-end.ts";
import type { ObjectStore } from "../object-store.ts";
import type { Stored } from "../write/put.ts";
import { isRefusal, type Refusal, type RefusalCode, refuse } from "../refusal.ts";
import { type KeyPlace, versionOf } from "../../rows/versions.ts";
import { openTarget, type Target } from "../target.ts";
import {
  foundPart,
  openUploadOf,
  partNumberMax,
  planPart,
  readParts,
  readUpload,
} from "../../rows/uploads.ts";

export { listUploads, type UploadListItem } from "../list/list-uploads.ts";

export interface UploadAddress {
  readonly bucket: Bucket;
  readonly key: Uint8Array;
  readonly upload: UploadId;
}

export async function initiateUpload(
  store: ObjectStore,
  input: {
    readonly bucket: Bucket;
    readonly key: Uint8Array;
    readonly attributes: ObjectAttributes;
    readonly checksum: UploadRow["checksum"];
  },
): Promise<{ upload: UploadId } | Refusal> {
  const target = openTarget(store, input.bucket, input.key);
  if (isRefusal(target)) return target;
  const { attributes, checksum } = input;
  const initiatedMs = store.platform.clock.now();
  const upload = newUploadId(store, target, initiatedMs);
  const key = uploadKey(target.bucket.id, target.key, upload);
  const plan = (_: BucketFenceRow, [headRow]: Rows): Plan<{ upload: UploadId }> => {
    // Not checked by the commit: a version that comes in between is one that came during the
    // upload.
    const headBlob = versionOf(headRow)?.row.blob;
    const row = { initiatedMs, headBlob, attributes, checksum, ended: undefined };
    return {
      checks: [{ key, expect: "absent" }],
      puts: [{ key, value: encodeUploadRow(row) }],
      deletes: [],
      freed: [],
      result: { upload },
    };
  };
  return commitPlan(store, target, plan, { reads: [headKey(target.bucket.id, target.key)] });
}

/** Where in an upload id it says which key it is of. */
const keyCheckAt = 6;

/**
 * The time first, so that uploads of a key sort by age; then which key it is of, so that a marker
 * of another is noticed whether its upload is there or not; the rest is chance, so that nobody
 * guesses another's.
 */
function newUploadId(store: ObjectStore, { bucket, key }: KeyPlace, nowMs: number): UploadId {
  const { hash, random } = store.platform;
  const writer = new ByteWriter(16).u16(Math.floor(nowMs / 2 ** 32)).u32(nowMs % 2 ** 32);
  const bytes = writer
    .u16(keyCheck(hash, bucket.id, key))
    .raw(random.bytes(8))
    .finish();
  return idOfBytes<UploadId>(bytes);
}

function keyCheck(hash: Hash, bucket: BucketId, key: Uint8Array): number {
  return hash.crc32(key, bucket % 2 ** 32) % 2 ** 16;
}

/**
 * True if it is the id of an upload of this key, as far as ids show: one in 65,536 others passes
 * for one.
 */
export function isUploadOf(
  store: ObjectStore,
  bucket: Pick<Bucket, "id">,
  { key, upload }: Pick<UploadAddress, "key" | "upload">,
): boolean {
  const [high, low] = bytesOfId(upload).subarray(keyCheckAt);
  return high! * 0x100 + low! === keyCheck(store.platform.hash, bucket.id, key);
}

/** An upload that goes on, of a key in a bucket that is not being deleted. */
export interface OpenUpload {
  readonly target: Target;
  readonly id: UploadId;
  /** The row that the upload began with. */
  readonly row: UploadRow;
}

/**
 * Finds the upload that parts are to be added to; `noSuchUpload`, `noSuchBucket`,
 * `operationAborted`. The commit of a part looks again: this look tells what the part's checksum
 * is to be, and saves reading a body in vain.
 */
export async function findUpload(
  store: ObjectStore,
  address: UploadAddress,
): Promise<OpenUpload | Refusal> {
  const target = openTarget(store, address.bucket, address.key);
  if (isRefusal(target)) return target;
  const { bucket, key, partition } = target;
  const { upload: id } = address;
  const [fenceRow, stored] = await partition.read([
    bucketFenceKey(bucket.id),
    uploadKey(bucket.id, key, id),
  ]);
  const upload = openUploadOf(id, stored);
  if (upload === undefined) return refuse("noSuchUpload");
  const fence = fenceOf(fenceRow, "active");
  return isRefusal(fence) ? fence : { target, id, row: upload.row };
}

/** Stores a part, replacing one of the same number. Durable once answered. */
export async function uploadPart(
  store: ObjectStore,
  upload: OpenUpload,
  input: {
    /** 1 … 10,000 */
    readonly part: number;
    readonly data: IncomingBody;
  },
): Promise<Stored | Refusal> {
  const { part } = input;
  if (!Number.isInteger(part) || part < 1 || part > partNumberMax) {
    const message = `Part number must be an integer between 1 and ${partNumberMax}, inclusive`;
    return refuse("invalidRequest", { message });
  }
  const blob = store.keymap.session.nextBlobId();
  const { key, bucket } = upload.target;
  const identity = { bucket: bucket.id, key, blob, upload: upload.id, part };
  const { storageClass } = upload.row.attributes;
  const extentClass = await store.extentClasses.of(bucket, storageClass);
  const body = await storeBody(store, { identity, extentClass }, input.data);
  if (isRefusal(body)) return body;
  const { size, md5, checksum, data } = body;
  const row = { size, md5, checksum, data, blob };
  return releasing(store, body.appended, () => replacePart(store, upload, part, row));
}

function replacePart(
  store: ObjectStore,
  { target, id }: OpenUpload,
  part: number,
  body: Omit<PartRow, "modifiedMs">,
): Promise<Stored | Refusal> {
  const rowKey = partKey(target.bucket.id, target.key, id, part);
  const reads = [uploadKey(target.bucket.id, target.key, id), rowKey];
  const plan = (_: BucketFenceRow, [uploadRow, partRow]: Rows): Planned<Stored, RefusalCode> => {
    const upload = openUploadOf(id, uploadRow);
    if (upload === undefined) return refuse("noSuchUpload");
    const before = partRow && foundPart(partRow);
    const row: PartRow = { ...body, modifiedMs: store.platform.clock.now() };
    return {
      ...planPart(upload, { rowKey, expect: before?.stamp ?? "absent" }, row),
      deletes: [],
      freed: before === undefined ? [] : [before.data],
      result: storedPart(row),
    };
  };
  return commitPlan(store, target, plan, { reads });
}

function storedPart({ size, md5, modifiedMs, checksum }: PartRow): Stored {
  const etag = etagOf({ md5, partCount: 0 });
  return { etag, size, modifiedMs, checksum, versionId: undefined };
}

export async function listParts(
  store: ObjectStore,
  input: UploadAddress & { readonly afterPart: number; readonly limit: number },
): Promise<
  | { upload: UploadRow; parts: readonly (PartRow & { part: number })[]; truncated: boolean }
  | Refusal
> {
  const target = openTarget(store, input.bucket, input.key);
  if (isRefusal(target)) return target;
  const { limit, afterPart, upload: id } = input;
  // Of one moment: parts go with their upload.
  return target.partition.inSnapshot(async (reader) => {
    const { key } = target;
    const at = { bucket: target.bucket, key, partition: reader };
    const upload = await readUpload(at, id);
    if (upload === undefined) return refuse("noSuchUpload");
    // One more, to see whether anything follows; a page of none is complete, as in listings of
    // keys.
    const parts = await readParts(at, id, afterPart, limit + 1);
    const truncated = limit > 0 && parts.length > limit;
    return { upload: upload.row, parts: parts.slice(0, limit), truncated };
  });
}

export async function abortUpload(
  store: ObjectStore,
  address: UploadAddress,
): Promise<{ aborted: true } | Refusal> {
  const target = openTarget(store, address.bucket, address.key);
  if (isRefusal(target)) return target;
  return freeUpload(store, target, address.upload, { fence: "active" });
}
