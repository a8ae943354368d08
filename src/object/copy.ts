import type { ChecksumAlgorithm } from "../format/checksum.ts";
import type { ObjectAttributes } from "../format/object-row.ts";
import type { ReadConditions, WriteCondition } from "./conditions.ts";
import type { UploadAddress } from "./multipart.ts";
import type { ObjectStore } from "./object-store.ts";
import type { Stored } from "./put.ts";
import type { Refusal } from "./refusal.ts";

export interface CopySource {
  readonly bucket: string;
  readonly key: Uint8Array;
  readonly conditions: ReadConditions;
}

/**
 * Copies the bytes on the server. `attributes` decides what the copy keeps: it is given the source's attributes and
 * returns the copy's. `checksum`: the algorithm to compute, or undefined to keep the source's.
 */
export declare function copyObject(
  store: ObjectStore,
  input: {
    readonly source: CopySource;
    readonly bucket: string;
    readonly key: Uint8Array;
    attributes(source: ObjectAttributes): ObjectAttributes;
    readonly checksum: ChecksumAlgorithm | undefined;
    readonly condition: WriteCondition;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Stored | Refusal>;

/** A part made from a range (inclusive) of an object. */
export declare function copyPart(
  store: ObjectStore,
  input: UploadAddress & {
    readonly part: number;
    readonly source: CopySource;
    readonly range: { readonly first: number; readonly last: number } | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Stored | Refusal>;
