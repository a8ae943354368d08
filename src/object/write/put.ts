import type { Rows } from "../../engine/engine.ts";
import type { BucketFenceRow } from "../../format/bucket-row.ts";
import type { StoredChecksum } from "../../format/checksum.ts";
import type { ObjectAttributes } from "../../format/object-row.ts";
import { headKey } from "../../format/row-keys.ts";
import { commitPlan, type Planned, readFenceAndHead, releasing } from "../../rows/commit.ts";
import { type MadeVersion, type NewVersion, planVersion } from "../../rows/version-changes.ts";
import { objectOf, versionOf } from "../../rows/versions.ts";
import { checkWrite, etagOf, type WriteCondition } from "../conditions.ts";
import type { Bucket } from "../decoded-buckets.ts";
import type { ObjectStore } from "../object-store.ts";
import { isRefusal, type Refusal, type RefusalCode } from "../refusal.ts";
import { openTarget, type Target } from "../target.ts";
import { storeBody } from "./store-body.ts";
import type { IncomingBody } from "./incoming-body.ts";

export interface PutInput {
  readonly bucket: Bucket;
  readonly key: Uint8Array;
  readonly attributes: ObjectAttributes;
  readonly condition: WriteCondition;
  readonly incoming: IncomingBody;
}

export interface Stored {
  /** The ETag without quotes, with `-N` for multipart objects. */
  readonly etag: string;
  readonly size: number;
  readonly modifiedMs: number;
  readonly checksum: StoredChecksum | undefined;
  /** Undefined: the bucket was never versioned, or it is a part. */
  readonly versionId: string | undefined;
}

/** Stores an object; durable and visible in one instant (C1, C3), or nothing of it ever is. */
export function putObject(store: ObjectStore, input: PutInput): Promise<Stored | Refusal> {
  const target = openTarget(store, input.bucket, input.key);
  if (isRefusal(target)) return Promise.resolve(target);
  // Without a condition the early look would refuse only in a bucket that is just being deleted,
  // and cost 5 of the 88 µs that a PUT of 4 KiB takes of the main thread (npm run bench -- --only
  // handler, Node 26.10, 2 virtual cores, November 2026).
  const isConditional = input.condition.kind !== "always";
  return (isConditional ? storeIfAllowed : storeObject)(store, target, input);
}

/** The commit decides if it may be written; the look before saves reading a body in vain. */
async function storeIfAllowed(
  store: ObjectStore,
  target: Target,
  input: PutInput,
): Promise<Stored | Refusal> {
  const early = await mayWrite(target, input.condition);
  return early ?? (await storeObject(store, target, input));
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
  input: Pick<PutInput, "attributes" | "condition" | "incoming">,
): Promise<Stored | Refusal> {
  const { bucket, key } = target;
  const blob = store.keymap.session.nextBlobId();
  const identity = { bucket: bucket.id, key, blob, upload: undefined, part: 0 };
  const { attributes, condition } = input;
  const found = store.extentClasses.of(bucket, attributes.storageClass);
  const extentClass = found instanceof Promise ? await found : found;
  const body = await storeBody(store, { identity, extentClass }, input.incoming);
  if (isRefusal(body)) return body;
  const { size, md5, checksum, data } = body;
  const next = { size, md5, checksum, data, attributes, blob, partCount: 0, upload: undefined };
  const made = await releasing(store, body.appended, () =>
    makeObject(store, target, condition, next),
  );
  return isRefusal(made) ? made : storedOf(made);
}

type NewObject = Omit<NewVersion, "kind">;

/** Makes `next` the current version of this key if the condition holds at that instant. */
export function makeObject(
  store: ObjectStore,
  target: Target,
  condition: WriteCondition,
  next: NewObject,
): Promise<MadeVersion | Refusal> {
  const reads = [headKey(target.bucket.id, target.key)];
  const plan = (fence: BucketFenceRow, [row]: Rows): Planned<MadeVersion, RefusalCode> => {
    const head = versionOf(row);
    const refusal = checkWrite(condition, objectOf(head));
    // holds: C2 versioning-of-fence
    // holds: C2 condition-judged-in-commit
    return refusal ?? planVersion(store, target, { head, fence }, { ...next, kind: "object" });
  };
  return commitPlan(store, target, plan, { reads });
}

export function storedOf({ row, versionId }: MadeVersion): Stored {
  const { size, modifiedMs, checksum } = row;
  return { etag: etagOf(row), size, modifiedMs, checksum, versionId };
}
