import { equalBytes } from "../base/bytes.ts";
import { StoreError } from "../base/errors.ts";
import type { ChecksumAlgorithm } from "../format/checksum.ts";
import type { ObjectAttributes } from "../format/object-row.ts";
import { readBody } from "./body-reader.ts";
import { bodyBytesMax } from "./body-writer.ts";
import type { Head } from "./commit-head.ts";
import { objectOf, readHead } from "./commit-head.ts";
import type { ReadConditions, WriteCondition } from "./conditions.ts";
import { checkCopySource } from "./conditions.ts";
import { digestOf } from "./digests.ts";
import type { Span } from "./locations.ts";
import type { UploadAddress } from "./multipart.ts";
import { getUpload, uploadPart } from "./multipart.ts";
import type { ObjectStore } from "./object-store.ts";
import type { Stored, Upload } from "./put.ts";
import { mayWrite, storeObject } from "./put.ts";
import type { Refusal } from "./refusal.ts";
import { isRefusal, refuse } from "./refusal.ts";
import type { Target } from "./target.ts";
import { openTarget } from "./target.ts";

/** What S3 computes where nobody asked for another. */
const defaultChecksum: ChecksumAlgorithm = "crc64nvme";

export interface CopySource {
  readonly bucket: string;
  readonly key: Uint8Array;
  readonly conditions: ReadConditions;
}

export interface CopyInput {
  readonly source: CopySource;
  readonly bucket: string;
  readonly key: Uint8Array;
  attributes(source: ObjectAttributes): ObjectAttributes;
  readonly checksum: ChecksumAlgorithm | undefined;
  readonly condition: WriteCondition;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Copies the bytes on the server. `attributes` decides what the copy keeps: it is given the
 * source's attributes and returns the copy's. `checksum`: the algorithm to compute, or undefined to
 * keep the source's. The copy of a multipart object is a single one, so its checksum is of the full
 * object.
 */
export async function copyObject(store: ObjectStore, input: CopyInput): Promise<Stored | Refusal> {
  const { condition, signal } = input;
  const source = await openSource(store, input.source);
  if (isRefusal(source)) return source;
  const target = await openTarget(store, input.bucket, input.key);
  if (isRefusal(target)) return target;
  const early = await mayWrite(target, condition);
  if (early !== undefined) return early;
  const { row } = source.head;
  if (row.size > bodyBytesMax) return sourceTooLarge();
  const span = { first: 0, end: row.size };
  const algorithm = input.checksum ?? row.checksum?.algorithm ?? defaultChecksum;
  const upload = copyOf(store, source, { span, algorithm, signal });
  const attributes = input.attributes(row.attributes);
  return storeObject(store, target, { attributes, condition, upload, signal });
}

export interface CopyPartInput extends UploadAddress {
  readonly part: number;
  readonly source: CopySource;
  readonly range: { readonly first: number; readonly last: number } | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A part made from a range (inclusive) of an object. */
export async function copyPart(
  store: ObjectStore,
  input: CopyPartInput,
): Promise<Stored | Refusal> {
  const upload = await getUpload(store, input);
  if (isRefusal(upload)) return upload;
  const source = await openSource(store, input.source);
  if (isRefusal(source)) return source;
  const { size } = source.head.row;
  const { range, signal } = input;
  const span = { first: range?.first ?? 0, end: range === undefined ? size : range.last + 1 };
  if (range !== undefined && (span.first >= span.end || span.end > size)) {
    const message = `Range specified is not valid for source object of size: ${size}`;
    return refuse("invalidRange", { message, details: { ActualObjectSize: String(size) } });
  }
  if (span.end - span.first > bodyBytesMax) return sourceTooLarge();
  const algorithm = upload.checksum?.algorithm ?? defaultChecksum;
  return uploadPart(store, { ...input, data: copyOf(store, source, { span, algorithm, signal }) });
}

interface Source {
  readonly target: Target;
  readonly head: Head;
}

async function openSource(store: ObjectStore, source: CopySource): Promise<Source | Refusal> {
  const target = await openTarget(store, source.bucket, source.key);
  if (isRefusal(target)) return target;
  const head = await readHead(target);
  if (head === undefined || objectOf(head) === undefined) return refuse("noSuchKey");
  const now = store.platform.clock.now();
  return checkCopySource(source.conditions, head.row, now) ?? { target, head };
}

/** The bytes of a source, to be stored as another object or part. */
function copyOf(
  store: ObjectStore,
  { target, head }: Source,
  what: { span: Span; algorithm: ChecksumAlgorithm; signal: AbortSignal | undefined },
): Upload {
  const { span, algorithm, signal } = what;
  const { size, checksum } = head.row;
  const sizeBytes = span.end - span.first;
  return {
    bytes: readBody(store, target, head, span, signal),
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
