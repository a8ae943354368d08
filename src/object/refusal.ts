import type { RefusalOf } from "../base/refusal.ts";

export { isRefusal, refuse } from "../base/refusal.ts";

/** Why an operation on objects or buckets did nothing, in S3's meaning. */
export type RefusalCode =
  | "noSuchBucket"
  | "bucketExists"
  | "bucketOwnedByYou"
  | "bucketNotEmpty"
  /** The bucket is being deleted or configured: try again. */
  | "operationAborted"
  | "noSuchKey"
  | "noSuchVersion"
  /** A delete marker was asked for by its version id. */
  | "isDeleteMarker"
  | "noSuchUpload"
  | "preconditionFailed"
  /** GET or HEAD with If-None-Match / If-Modified-Since that hit: 304. */
  | "notModified"
  /** A row that a conditional write depended on changed while it ran: 409. */
  | "conditionalConflict"
  | "invalidRange"
  | "invalidPartNumber"
  | "invalidPart"
  | "invalidPartOrder"
  | "entityTooSmall"
  | "entityTooLarge"
  | "keyTooLong"
  | "invalidRequest"
  | "badDigest";

export type Refusal = RefusalOf<RefusalCode>;
