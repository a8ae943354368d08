import type { Hash } from "../platform/hash.ts";
import type { PayloadMode } from "./payload-mode.ts";

export interface DecodedPayload {
  /**
   * The payload's bytes, for one pass; they may be views of the pieces of the original body, and are
   * never empty. A piece that was yielded may still prove wrong: only the end of the iteration says that all
   * signatures, digests and lengths were right. Throws `PayloadError`.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Trailing headers, names in lower case. Empty until the body has ended. */
  trailers(): ReadonlyMap<string, string>;
}

/** The payload inside a body as sent, in whatever mode: verifies as it goes, in bounded memory. */
export declare function decodePayload(
  hash: Hash,
  mode: PayloadMode,
  body: AsyncIterable<Uint8Array>,
): DecodedPayload;
