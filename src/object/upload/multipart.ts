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
import { bucketFenceKey, partKey, uploadKey } from "../../format/row-keys.ts";
import type { Hash } from "../../platform/hash.ts";
import type { Bucket } from "../decoded-buckets.ts";
import { storeBody } from "../write/store-body.ts";
import type { IncomingBody } from "../write/incoming-body.ts";
import { commitPlan, fenceOf, type Planned, releasing } from "../../rows/commit.ts";
import { etagOf } from "../etag.ts";
import { freeUpload } from "../../rows/upload-end.ts";
import type { ObjectStore } from "../object-store.ts";
import type { Stored } from "../write/put.ts";
import { isRefusal, type Refusal, type RefusalCode, refuse } from "../refusal.ts";
import type { KeyPlace } from "../../rows/key-place.ts";
import { openTarget, type Target } from "../target.ts";
import {
  foundPart,
  type FoundUpload,
  openUploadOf,
  partNumberMax,
  planPart,
  readParts,
  readUpload,
} from "../../rows/uploads.ts";
import { readHead } from "../../rows/versions.ts";

export { listUploads, type UploadListItem } from "../list/list-uploads.ts";

export interface UploadAddress {
  readonly bucket: string;
  readonly key: Uint8Array;
  readonly upload: UploadId;
}

export async function initiateUpload(
  store: ObjectStore,
  input: {
    readonly bucket: string;
    readonly key: Uint8Array;
    readonly attributes: ObjectAttributes;
    readonly checksum: UploadRow["checksum"];
  },
): Promise<{ upload: UploadId } | Refusal> {
  const target = await openTarget(store, input.bucket, input.key);
  if (isRefusal(target)) return target;
  const { attributes, checksum } = input;
  const initiatedMs = store.platform.clock.now();
  const upload = newUploadId(store, target, initiatedMs);
  // Not checked by the commit: a version that comes in between is one that came during the upload.
  const head = await readHead(target);
  const key = uploadKey(target.bucket.id, target.key, upload);
  const headBlob = head?.row.blob;
  const value = encodeUploadRow({
    initiatedMs,
    headBlob,
    attributes,
    checksum,
    ended: undefined,
  });
  return commitPlan(store, target, async () => ({
    checks: [{ key, expect: "absent" }],
    puts: [{ key, value }],
    deletes: [],
    freed: [],
    result: { upload },
  }));
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

/** The upload as it was initiated; `noSuchUpload`. */
export async function getUpload(
  store: ObjectStore,
  address: UploadAddress,
): Promise<UploadRow | Refusal> {
  const found = await openUpload(store, address);
  return isRefusal(found) ? found : found.upload.row;
}

async function openUpload(
  store: ObjectStore,
  address: UploadAddress,
): Promise<{ target: Target; upload: FoundUpload } | Refusal> {
  const target = await openTarget(store, address.bucket, address.key);
  if (isRefusal(target)) return target;
  const upload = await readUpload(target, address.upload);
  return upload === undefined ? refuse("noSuchUpload") : { target, upload };
}

/** Stores a part, replacing one of the same number. Durable once answered. */
export async function uploadPart(
  store: ObjectStore,
  input: UploadAddress & {
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
  const target = await openTarget(store, input.bucket, input.key);
  if (isRefusal(target)) return target;
  const refusal = await mayAddPart(target, input.upload);
  if (refusal !== undefined) return refusal;
  const blob = store.keymap.session.nextBlobId();
  const { key, bucket } = target;
  const identity = { bucket: bucket.id, key, blob, upload: input.upload, part };
  const body = await storeBody(store, identity, input.data);
  if (isRefusal(body)) return body;
  const { size, md5, checksum, data } = body;
  const row = { size, md5, checksum, data, blob };
  return releasing(store, body.appended, () => replacePart(store, target, input, row));
}

/** `noSuchUpload`, `noSuchBucket`, `operationAborted`; saves reading a body in vain. */
async function mayAddPart(target: Target, id: UploadId): Promise<Refusal | undefined> {
  const { bucket, key, partition } = target;
  const answer = partition.read([bucketFenceKey(bucket.id), uploadKey(bucket.id, key, id)]);
  const [fence, upload] = answer instanceof Promise ? await answer : answer;
  if (openUploadOf(id, upload) === undefined) return refuse("noSuchUpload");
  const found = fenceOf(fence, "active");
  return isRefusal(found) ? found : undefined;
}

function replacePart(
  store: ObjectStore,
  target: Target,
  { upload: id, part }: { readonly upload: UploadId; readonly part: number },
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
  const found = await openUpload(store, input);
  if (isRefusal(found)) return found;
  const { limit, afterPart } = input;
  // One more, to see whether anything follows; a page of none is complete, as in listings of keys.
  const parts = await readParts(found.target, input.upload, afterPart, limit + 1);
  // Parts go with their upload: none found may mean that it was completed as we looked.
  const still = await readUpload(found.target, input.upload);
  if (still === undefined) return refuse("noSuchUpload");
  const truncated = limit > 0 && parts.length > limit;
  return { upload: found.upload.row, parts: parts.slice(0, limit), truncated };
}

export async function abortUpload(
  store: ObjectStore,
  address: UploadAddress,
): Promise<{ aborted: true } | Refusal> {
  const target = await openTarget(store, address.bucket, address.key);
  if (isRefusal(target)) return target;
  return freeUpload(store, target, address.upload, { fence: "active" });
}
