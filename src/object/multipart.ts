import type { ChecksumAlgorithm, ChecksumType } from "../format/checksum.ts";
import type { UploadId } from "../format/ids.ts";
import type { ObjectAttributes, PartRow, UploadRow } from "../format/object-row.ts";
import type { WriteCondition } from "./conditions.ts";
import type { ObjectStore } from "./object-store.ts";
import type { Stored, Upload } from "./put.ts";
import type { Refusal } from "./refusal.ts";

export interface UploadAddress {
  readonly bucket: string;
  readonly key: Uint8Array;
  readonly upload: UploadId;
}

export declare function initiateUpload(
  store: ObjectStore,
  input: {
    readonly bucket: string;
    readonly key: Uint8Array;
    readonly attributes: ObjectAttributes;
    readonly checksum: UploadRow["checksum"];
  },
): Promise<{ upload: UploadId } | Refusal>;

/** The upload as it was initiated; `noSuchUpload`. */
export declare function getUpload(
  store: ObjectStore,
  address: UploadAddress,
): Promise<UploadRow | Refusal>;

/** Stores a part, replacing one of the same number. Durable once answered. */
export declare function uploadPart(
  store: ObjectStore,
  input: UploadAddress & {
    /** 1 … 10,000 */
    readonly part: number;
    readonly data: Upload;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Stored | Refusal>;

export declare function listParts(
  store: ObjectStore,
  input: UploadAddress & { readonly afterPart: number; readonly limit: number },
): Promise<
  | { upload: UploadRow; parts: readonly (PartRow & { part: number })[]; truncated: boolean }
  | Refusal
>;

export type UploadListItem =
  | {
      readonly kind: "upload";
      readonly key: Uint8Array;
      readonly upload: UploadId;
      readonly row: UploadRow;
    }
  | { readonly kind: "prefix"; readonly prefix: Uint8Array };

/** Uploads by key, then by age; grouped by delimiter as `listObjects` does. */
export declare function listUploads(
  store: ObjectStore,
  input: {
    readonly bucket: string;
    readonly prefix: Uint8Array;
    readonly delimiter: Uint8Array | undefined;
    /** After this key (all its uploads), or, with `afterUpload`, after that upload of it. */
    readonly afterKey: Uint8Array | undefined;
    readonly afterUpload: UploadId | undefined;
    readonly limit: number;
  },
): Promise<{ items: readonly UploadListItem[]; truncated: boolean } | Refusal>;

export interface CompletePart {
  readonly part: number;
  /** Without quotes. */
  readonly etag: string;
  readonly checksum:
    | { readonly algorithm: ChecksumAlgorithm; readonly value: Uint8Array }
    | undefined;
}

/**
 * One instant: the object appears, the upload and its parts go, unlisted parts become garbage (C3, C5). Repeating it after
 * it succeeded answers the same. `invalidPart`, `invalidPartOrder`, `entityTooSmall`, `noSuchUpload`,
 * `preconditionFailed`, `conditionalConflict`, `invalidRequest` (object size or checksum differ from the expected).
 */
export declare function completeUpload(
  store: ObjectStore,
  input: UploadAddress & {
    readonly parts: readonly CompletePart[];
    readonly condition: WriteCondition;
    readonly expectedSize: number | undefined;
    readonly expectedChecksum:
      | { readonly algorithm: ChecksumAlgorithm; readonly value: Uint8Array }
      | undefined;
    readonly expectedType: ChecksumType | undefined;
  },
): Promise<Stored | Refusal>;

export declare function abortUpload(
  store: ObjectStore,
  address: UploadAddress,
): Promise<{ aborted: true } | Refusal>;
