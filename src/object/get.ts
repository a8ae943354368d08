import type { ObjectRow } from "../format/object-row.ts";
import type { ReadConditions } from "./conditions.ts";
import type { ObjectStore } from "./object-store.ts";
import type { Refusal } from "./refusal.ts";

/** Inclusive, as HTTP counts; resolved against the object's size by `getObject`. */
export type RangeRequest =
  | { readonly kind: "from"; readonly first: number; readonly last?: number | undefined }
  | { readonly kind: "suffix"; readonly length: number };

export interface GetInput {
  readonly bucket: string;
  readonly key: Uint8Array;
  readonly conditions: ReadConditions;
  readonly range?: RangeRequest | undefined;
  readonly partNumber?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ObjectInfo {
  readonly row: ObjectRow;
  readonly etag: string;
  /** What is returned of the object: bytes first … first + length - 1; `partial` where that is asked for. */
  readonly first: number;
  readonly length: number;
  readonly partial: boolean;
  /** Set for a read by part number of a multipart object. */
  readonly partCount?: number | undefined;
}

export interface ObjectRead extends ObjectInfo {
  /** Verified bytes (C4); pulls at most a few chunks ahead. Ends with a throw if a chunk can't be had. */
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * `noSuchKey`, `preconditionFailed`, `notModified`, `invalidRange` (details ActualObjectSize, RangeRequested is the
 * caller's), `invalidPartNumber`. Nothing is held until the body is iterated; a body not iterated costs nothing.
 */
export declare function getObject(
  store: ObjectStore,
  input: GetInput,
): Promise<ObjectRead | Refusal>;

export declare function headObject(
  store: ObjectStore,
  input: GetInput,
): Promise<ObjectInfo | Refusal>;
