import { concatBytes, equalBytes } from "../../base/bytes.ts";
import type { ChunkRef } from "../../format/chunk-ref.ts";
import type { ChecksumAlgorithm, StoredChecksum } from "../../format/checksum.ts";
import type { Rows } from "../../engine/engine.ts";
import type { BucketFenceRow } from "../../format/bucket-row.ts";
import { type ObjectRow, partSetOf } from "../../format/object-row.ts";
import { bucketFenceKey, headKey, uploadKey } from "../../format/row-keys.ts";
import { BlobWriter } from "../blob-writer.ts";
import { commitPlan, fenceOf, type Plan, type Unchanged } from "../../rows/commit.ts";
import { madeVersion, type MadeVersion, planVersion } from "../../rows/version-changes.ts";
import { checkWrite, conditionName, type WriteCondition } from "../conditions.ts";
import { partsOf } from "../read/get.ts";
import { clearUploadIfPossible } from "../../rows/upload-end.ts";
import type { UploadAddress } from "./multipart.ts";
import type { ObjectStore } from "../object-store.ts";
import { type Stored, storedOf } from "../write/put.ts";
import { chooseParts, isSameList, type PartsAsked } from "./choose-parts.ts";
import { isRefusal, type Refusal, refuse } from "../refusal.ts";
import { inPhase } from "../request-phases.ts";
import { openTarget, type Target } from "../target.ts";
import {
  type FoundPart,
  type FoundUpload,
  openUploadOf,
  planUploadEnd,
  readAllParts,
} from "../../rows/uploads.ts";
import { objectOf, type Version, versionOf } from "../../rows/versions.ts";
import { wholeChecksum } from "../write/whole-checksum.ts";

export interface CompleteInput extends UploadAddress, PartsAsked {
  readonly condition: WriteCondition;
  readonly expectedSize: number | undefined;
  readonly expectedChecksum:
    | { readonly algorithm: ChecksumAlgorithm; readonly value: Uint8Array }
    | undefined;
}

/**
 * One instant: the object appears and the upload goes (C3). Of a large one rows of parts go in the
 * commits that follow, or that the sweep makes; unlisted parts are garbage when theirs go (C5).
 * Repeating it after it succeeded answers the same. `invalidPart`, `invalidPartOrder`,
 * `entityTooSmall`, `noSuchUpload`, `preconditionFailed`, `conditionalConflict`, `badDigest`,
 * `invalidRequest` (object size or kind of checksum differ from the expected).
 */
export async function completeUpload(
  store: ObjectStore,
  input: CompleteInput,
): Promise<Stored | Refusal> {
  const target = openTarget(store, input.bucket, input.key);
  if (isRefusal(target)) return target;
  const { bucket, key } = target;
  const reads = [uploadKey(bucket.id, key, input.upload), headKey(bucket.id, key)];
  let attempts = 0;
  const plan = async (
    fence: BucketFenceRow,
    [uploadRow, headRow]: Rows,
  ): Promise<Plan<MadeVersion> | Unchanged<MadeVersion> | Refusal> => {
    const repeated = attempts++ > 0;
    const upload = openUploadOf(input.upload, uploadRow);
    const head = versionOf(headRow);
    if (upload === undefined) return madeBefore(store, target, head, { input, fence });
    const planned =
      checkHead(head, input.condition, upload, repeated) ??
      (await planCompletion(store, target, { input, head, upload, fence }));
    if (!isRefusal(planned)) return planned;
    // The cause may be that another Complete of this upload was first: it takes the parts.
    const [fenceNow, uploadNow, headNow] = await target.partition.read([
      bucketFenceKey(bucket.id),
      ...reads,
    ]);
    if (openUploadOf(input.upload, uploadNow) !== undefined) return planned;
    const now = fenceOf(fenceNow, "active");
    if (isRefusal(now)) return now;
    return madeBefore(store, target, versionOf(headNow), { input, fence: now.row });
  };
  const made = await commitPlan(store, target, plan, { reads });
  if (isRefusal(made)) return made;
  await clearUploadIfPossible(store, target, input.upload);
  return storedOf(made);
}

/**
 * The upload is not there: an earlier Complete of it made the object, or it never was, or was
 * aborted. Only who lists what the object was made of repeats that Complete.
 */
async function madeBefore(
  store: ObjectStore,
  target: Target,
  head: Version | undefined,
  { input, fence }: { readonly input: CompleteInput; readonly fence: BucketFenceRow },
): Promise<Unchanged<MadeVersion> | Refusal> {
  const object = objectOf(head);
  if (head === undefined || object === undefined || object.upload !== input.upload) {
    return refuse("noSuchUpload");
  }
  const made = await partsOf(store, target, head);
  if (!isSameList(made, input.parts)) return refuse("noSuchUpload");
  return { unchanged: madeVersion(object, fence) };
}

/**
 * Follows AWS: where the condition holds, but only since the key's head changed while the upload
 * was under way (another object, a delete marker, or its deletion), the client has to upload again.
 * A condition that held when this Complete began, and no longer does, is a conflict too.
 */
function checkHead(
  head: Version | undefined,
  condition: WriteCondition,
  upload: FoundUpload,
  repeated: boolean,
): Refusal | undefined {
  const refusal = checkWrite(condition, objectOf(head));
  const conflict = refuse("conditionalConflict", {
    details: { Condition: conditionName(condition) },
  });
  if (refusal !== undefined) return repeated ? conflict : refusal;
  if (condition.kind === "always") return undefined;
  return head?.row.blob === upload.row.headBlob ? undefined : conflict;
}

/** Writes the root manifest and plans the one commit that makes it an object. */
async function planCompletion(
  store: ObjectStore,
  target: Target,
  from: {
    input: CompleteInput;
    head: Version | undefined;
    upload: FoundUpload;
    fence: BucketFenceRow;
  },
): Promise<Plan<MadeVersion> | Refusal> {
  const { input, head, upload, fence } = from;
  const all = await readAllParts(target, upload.id);
  const parts = chooseParts(all, upload, input);
  if (isRefusal(parts)) return parts;
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const { hash } = store.platform;
  const checksum = await wholeChecksum(store.platform, upload.row.checksum, parts);
  const mismatch = checkExpected(size, checksum, upload, input);
  if (mismatch !== undefined) return mismatch;
  const manifest = await writeRoot(store, target, upload, parts);
  const made = await planVersion(
    store,
    target,
    { head, fence },
    {
      kind: "object",
      size,
      md5: hash.digest("md5", concatBytes(parts.map((part) => part.md5))),
      partCount: parts.length,
      checksum,
      attributes: upload.row.attributes,
      upload: upload.id,
      ...manifest.object,
    },
  );
  const listed = partSetOf(parts.map(({ part }) => part));
  const ending = planUploadEnd(upload, all, listed, store.partsPerCommit);
  return {
    // holds: C3 upload-goes-on-until-complete
    checks: [...made.checks, ...ending.checks],
    puts: [...made.puts, ...ending.puts],
    deletes: [...made.deletes, ...ending.deletes],
    freed: [...made.freed, ...ending.freed],
    appended: manifest.appended,
    result: made.result,
  };
}

function checkExpected(
  size: number,
  checksum: StoredChecksum | undefined,
  upload: FoundUpload,
  { expectedSize, expectedChecksum }: CompleteInput,
): Refusal | undefined {
  if (expectedSize !== undefined && expectedSize !== size) {
    const said = `The provided 'x-amz-mp-object-size' header value ${expectedSize}`;
    const message = `${said} does not match what was computed: ${size}`;
    return refuse("invalidRequest", { message });
  }
  // AWS takes no notice of one where no algorithm was chosen for the upload.
  if (expectedChecksum === undefined || upload.row.checksum === undefined) return undefined;
  const { algorithm, value } = expectedChecksum;
  if (checksum?.algorithm === algorithm && equalBytes(checksum.value, value)) return undefined;
  const name = checksum?.algorithm ?? algorithm;
  const message = `The ${name} you specified did not match the calculated checksum.`;
  return refuse("badDigest", { message });
}

/** Writes the list of the parts, under a blob of its own. */
async function writeRoot(
  store: ObjectStore,
  target: Target,
  upload: FoundUpload,
  parts: readonly FoundPart[],
): Promise<{ object: Pick<ObjectRow, "blob" | "data">; appended: readonly ChunkRef[] }> {
  const blob = store.keymap.session.nextBlobId();
  const { bucket, key } = target;
  const identity = { bucket: bucket.id, key, blob, upload: upload.id, part: 0 };
  const { storageClass } = upload.row.attributes;
  const extentClass = await store.extentClasses.of(bucket, storageClass);
  const writer = new BlobWriter(store.writer, extentClass, identity);
  const listed = parts.map(({ part, ...row }) => ({ number: part, ...row }));
  const write = () => writer.writeManifest({ kind: "root", parts: listed });
  const data = await inPhase(store.phases, "write", write);
  return { object: { blob, data }, appended: writer.appended };
}
