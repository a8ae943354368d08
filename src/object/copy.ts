import { equalBytes } from "../base/bytes.ts";
import { StoreError } from "../base/errors.ts";
import type { ChecksumAlgorithm } from "../format/checksum.ts";
import type { ObjectAttributes } from "../format/object-row.ts";
import { readBody } from "./read/read-body.ts";
import { bodyBytesMax } from "./write/store-body.ts";
import { checkCopySource, type ReadConditions, type WriteCondition } from "./conditions.ts";
import { digestOf } from "./write/digests.ts";
import type { Span } from "./read/ranges.ts";
import { type OpenUpload, uploadPart } from "./upload/multipart.ts";
import type { Bucket } from "./decoded-buckets.ts";
import type { ObjectStore } from "./object-store.ts";
import { mayWrite, type Stored, storeObject } from "./write/put.ts";
import { plainPieces } from "../platform/piece-decoder.ts";
import type { IncomingBody } from "./write/incoming-body.ts";
import { isRefusal, type Refusal, refuse } from "./refusal.ts";
import { openTarget, type Target } from "./target.ts";
import { shownVersionId, type VersionRef } from "../format/version-id.ts";
import type { Version } from "../rows/versions.ts";
import { openVersion } from "./version/open-version.ts";

/** The checksum that S3 computes if the request asks for no other. */
const defaultChecksum: ChecksumAlgorithm = "crc64nvme";

export interface CopySource {
  readonly bucket: Bucket;
  readonly key: Uint8Array;
  /** Undefined: the current one. */
  readonly version?: VersionRef | undefined;
  readonly conditions: ReadConditions;
}

export interface CopyInput {
  readonly source: CopySource;
  readonly bucket: Bucket;
  readonly key: Uint8Array;
  attributes(source: ObjectAttributes): ObjectAttributes;
  readonly checksum: ChecksumAlgorithm | undefined;
  readonly condition: WriteCondition;
  readonly signal?: AbortSignal | undefined;
}

export interface Copied extends Stored {
  /** The version that was copied. Undefined: the source's bucket was never versioned. */
  readonly sourceVersionId: string | undefined;
}

/**
 * Copies the bytes on the server. `attributes` decides what the copy keeps: it is given the
 * source's attributes and returns the copy's. `checksum`: the algorithm to compute, or undefined to
 * keep the source's. The copy of a multipart object is a single one, so its checksum is of the full
 * object.
 */
export async function copyObject(store: ObjectStore, input: CopyInput): Promise<Copied | Refusal> {
  const { condition, signal } = input;
  const source = await openSource(store, input.source);
  if (isRefusal(source)) return source;
  const target = openTarget(store, input.bucket, input.key);
  if (isRefusal(target)) return target;
  const early = await mayWrite(target, condition);
  if (early !== undefined) return early;
  const { row } = source.version;
  if (row.size > bodyBytesMax) return sourceTooLarge();
  const span = { first: 0, end: row.size };
  const algorithm = input.checksum ?? row.checksum?.algorithm ?? defaultChecksum;
  const incoming = copyOf(store, source, { span, algorithm, signal });
  const attributes = input.attributes(row.attributes);
  const stored = await storeObject(store, target, { attributes, condition, incoming });
  return isRefusal(stored) ? stored : copied(source, stored);
}

export interface CopyPartInput {
  readonly part: number;
  readonly source: CopySource;
  readonly range: { readonly first: number; readonly last: number } | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A part made from a range (inclusive) of an object. */
export async function copyPart(
  store: ObjectStore,
  upload: OpenUpload,
  input: CopyPartInput,
): Promise<Copied | Refusal> {
  const source = await openSource(store, input.source);
  if (isRefusal(source)) return source;
  const { size } = source.version.row;
  const { part, range, signal } = input;
  const span = { first: range?.first ?? 0, end: range === undefined ? size : range.last + 1 };
  if (range !== undefined && (span.first >= span.end || span.end > size)) {
    return refuse("invalidRange", { details: { ActualObjectSize: String(size) } });
  }
  if (span.end - span.first > bodyBytesMax) return sourceTooLarge();
  const algorithm = upload.row.checksum?.algorithm ?? defaultChecksum;
  const data = copyOf(store, source, { span, algorithm, signal });
  const stored = await uploadPart(store, upload, { part, data });
  return isRefusal(stored) ? stored : copied(source, stored);
}

function copied({ target, version }: Source, stored: Stored): Copied {
  return { ...stored, sourceVersionId: shownVersionId(version.row, target.bucket.versioning) };
}

interface Source {
  readonly target: Target;
  readonly version: Version;
}

async function openSource(store: ObjectStore, source: CopySource): Promise<Source | Refusal> {
  const target = openTarget(store, source.bucket, source.key);
  if (isRefusal(target)) return target;
  const version = await openVersion(target, source.version);
  if (isRefusal(version)) return refuseSource(version);
  const now = store.platform.clock.now();
  return checkCopySource(source.conditions, version.row, now) ?? { target, version };
}

/** Refuses a delete marker as the source of a copy. */
function refuseSource(refusal: Refusal): Refusal {
  if (refusal.refusal === "noSuchKey") return refuse("noSuchKey");
  if (refusal.refusal !== "isDeleteMarker") return refusal;
  const message =
    "The source of a copy request may not specifically refer to a delete marker by version id.";
  return refuse("invalidRequest", { message });
}

/** The bytes of a source, to be stored as another object or part. */
function copyOf(
  store: ObjectStore,
  { target, version }: Source,
  what: { span: Span; algorithm: ChecksumAlgorithm; signal: AbortSignal | undefined },
): IncomingBody {
  const { span, algorithm, signal } = what;
  const { size, checksum } = version.row;
  const sizeBytes = span.end - span.first;
  return {
    body: {
      kind: "pieces",
      pieces: readBody(store, { target, version, span }, signal),
      decoder: plainPieces,
      ownership: "borrowed",
      signal,
    },
    sizeBytes,
    algorithms: [algorithm],
    accept(digests) {
      const value = digestOf(digests, algorithm);
      const known = checksum?.type === "full" && checksum.algorithm === algorithm;
      if (known && sizeBytes === size && !equalBytes(checksum.value, value)) {
        throw new StoreError("corrupt", `the source of a copy does not match its ${algorithm}`);
      }
      return { algorithm, type: "full", value };
    },
  };
}

function sourceTooLarge(): Refusal {
  const message =
    "The specified copy source is larger than the maximum allowable size " +
    `for a copy source: ${bodyBytesMax}`;
  return refuse("invalidRequest", { message });
}
