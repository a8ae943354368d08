import type { StoredChecksum } from "../../format/checksum.ts";
import type { ObjectAttributes } from "../../format/object-row.ts";
import { storeBody } from "./store-body.ts";
import type { Upload } from "./upload.ts";
import { readFenceAndHead, releasing } from "./commit.ts";
import type { MadeVersion } from "./commit-head.ts";
import { makeObject } from "./commit-head.ts";
import type { WriteCondition } from "../conditions.ts";
import { checkWrite } from "../conditions.ts";
import { etagOf } from "../etag.ts";
import type { ObjectStore } from "../object-store.ts";
import type { Refusal } from "../refusal.ts";
import { isRefusal } from "../refusal.ts";
import type { Target } from "../target.ts";
import { openTarget } from "../target.ts";
import { objectOf } from "../version/version-rows.ts";

export interface PutInput {
  readonly bucket: string;
  readonly key: Uint8Array;
  readonly attributes: ObjectAttributes;
  readonly condition: WriteCondition;
  readonly upload: Upload;
}

export interface Stored {
  /** With `-N` for multipart objects, without quotes. */
  readonly etag: string;
  readonly size: number;
  readonly modifiedMs: number;
  readonly checksum: StoredChecksum | undefined;
  /** Undefined: the bucket was never versioned, or it is a part. */
  readonly versionId: string | undefined;
}

/** Stores an object; durable and visible in one instant (C1, C3), or nothing of it ever is. */
export async function putObject(store: ObjectStore, input: PutInput): Promise<Stored | Refusal> {
  const target = await openTarget(store, input.bucket, input.key);
  if (isRefusal(target)) return target;
  // Whether it may be written is decided at the commit; this saves reading a body in vain. Without a condition that would
  // be only in a bucket that is just being deleted, and a read of the index for each object.
  if (input.condition.kind !== "always") {
    const early = await mayWrite(target, input.condition);
    if (early !== undefined) return early;
  }
  return storeObject(store, target, input);
}

/** `noSuchBucket`, `operationAborted`, and what the condition says, as things stand now. */
export async function mayWrite(
  target: Target,
  condition: WriteCondition,
): Promise<Refusal | undefined> {
  const found = await readFenceAndHead(target);
  return isRefusal(found) ? found : checkWrite(condition, objectOf(found.head));
}

/** Stores a body and makes it the object of the key. */
export async function storeObject(
  store: ObjectStore,
  target: Target,
  input: Pick<PutInput, "attributes" | "condition" | "upload">,
): Promise<Stored | Refusal> {
  const { bucket, key } = target;
  const blob = store.keymap.session.nextBlobId();
  const identity = { bucket: bucket.id, key, blob, upload: undefined, part: 0 };
  const body = await storeBody(store, identity, input.upload);
  if (isRefusal(body)) return body;
  const { size, md5, checksum, data } = body;
  const { attributes, condition } = input;
  const next = { size, md5, checksum, data, attributes, blob, partCount: 0, upload: undefined };
  const made = await releasing(store, body.appended, () =>
    makeObject(store, target, condition, next),
  );
  return isRefusal(made) ? made : storedOf(made);
}

export function storedOf({ row, versionId }: MadeVersion): Stored {
  const { size, modifiedMs, checksum } = row;
  return { etag: etagOf(row), size, modifiedMs, checksum, versionId };
}
