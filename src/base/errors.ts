/**
 * The kinds of failure, by what a caller can do about them. A new code needs a caller that would
 * act differently.
 *
 * - `overloaded`: a limit was reached; come back later (S3: 503 SlowDown).
 * - `unavailable`: something is down for now, nothing was changed (503).
 * - `storage_full`: no data directory can take more bytes; reads and deletes go on.
 * - `read_only`: no data directory can be written; reads go on.
 * - `corrupt`: bytes do not match their checksum; they were not served.
 * - `missing`: stored bytes that the index refers to are not there (an extent file, a disk).
 * - `io`: the disk failed.
 * - `fenced`: this process's session was ended by others; it must stop.
 * - `unknown`: a commit's outcome could not be found out; it may or may not have happened.
 * - `unsupported_format`: the bytes are of a newer version of the software.
 * - `foreign`: the data directory belongs to another store.
 * - `stalled`: the client was waited for too long (S3: 400 RequestTimeout).
 * - `cancelled`: the caller went away or the server is stopping.
 * - `invalid`: an argument or setting is not acceptable; the message says what is.
 */
export type StoreErrorCode =
  | "overloaded"
  | "unavailable"
  | "storage_full"
  | "read_only"
  | "corrupt"
  | "missing"
  | "io"
  | "fenced"
  | "unknown"
  | "unsupported_format"
  | "foreign"
  | "stalled"
  | "cancelled"
  | "invalid";

/**
 * A failure of the store itself. Expected outcomes are return values; impossible ones are
 * assertions.
 */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

export function isStoreError(value: unknown, code?: StoreErrorCode): value is StoreError {
  return value instanceof StoreError && (code === undefined || value.code === code);
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
