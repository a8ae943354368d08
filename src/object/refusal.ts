/**
 * Why an operation did nothing, in S3's meaning: an expected outcome, so a return value and not an
 * error. `s3/errors.ts` words them.
 */
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
  /** What a conditional write depended on changed while it ran: 409. */
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

export interface Refusal {
  readonly refusal: RefusalCode;
  /** What S3 adds to the error, by element name: Condition, ActualObjectSize, PartNumber … */
  readonly details?: Readonly<Record<string, string>> | undefined;
  /** For codes whose message depends on the case. */
  readonly message?: string | undefined;
}

export function refuse(refusal: RefusalCode, more: Omit<Refusal, "refusal"> = {}): Refusal {
  return { refusal, ...more };
}

export function isRefusal(value: object): value is Refusal {
  return "refusal" in value;
}
