import type { StoredChecksum } from "../../format/checksum.ts";
import type { HashAlgorithm } from "../../platform/hash.ts";
import type { PieceDecoder } from "../../platform/piece-decoder.ts";
import { freeBytesPerUpload } from "./body-budget.ts";

/**
 * @limit Bodies up to this size are read, hashed and stored as one value. It is what an upload may
 * hold without a share of the upload memory, so nothing has to be counted or waited for.
 */
export const wholeBodyBytesMax = freeBytesPerUpload;

/** The bytes of a put or a part, and what to verify about them. */
export interface IncomingBody {
  readonly body: WholeBody | BodyPieces;
  /** The size as announced; undefined if it was not. The body must have just this many bytes. */
  readonly sizeBytes: number | undefined;
  /** Digests to compute over the bytes; MD5 is always among those handed to `accept`. */
  readonly algorithms: readonly HashAlgorithm[];
  /**
   * Called once all bytes are read (trailers too), before anything becomes visible. Returns the
   * checksum to keep; throws whatever the caller wants thrown to reject the upload, and then
   * nothing is stored.
   */
  accept(digests: ReadonlyMap<HashAlgorithm, Uint8Array>, sizeBytes: number): StoredChecksum;
}

/** A body of announced size, at most `wholeBodyBytesMax`. */
export interface WholeBody {
  readonly kind: "whole";
  /** Reads the whole; called once. The bytes do not change any more. */
  read(): Uint8Array | Promise<Uint8Array>;
  /** Says if the bytes may be freed once they are stored (owned), or are somebody's. */
  readonly ownership: "owned" | "borrowed";
}

/** A body of any size, as it comes. */
export interface BodyPieces {
  readonly kind: "pieces";
  readonly pieces: AsyncIterable<Uint8Array>;
  readonly decoder: PieceDecoder;
  /**
   * Says if a piece may be freed once it is copied (owned), or its memory is used again by its
   * owner (borrowed).
   */
  readonly ownership: "owned" | "borrowed";
  /** Nobody waits for the upload any more. */
  readonly signal?: AbortSignal | undefined;
}
