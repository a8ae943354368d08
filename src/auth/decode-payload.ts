import { equalBytes, toHex } from "../base/bytes.ts";
import type { Hash } from "../platform/hash.ts";
import { decodeChunks } from "./aws-chunked.ts";
import { PayloadError } from "./payload-error.ts";
import type { PayloadMode, SignedPayload } from "./payload-mode.ts";

export interface DecodedPayload {
  /**
   * The payload's bytes, for one pass; they may be views of the pieces of the original body. A piece that was
   * yielded may still prove wrong: only the end of the iteration says that all signatures, digests and lengths
   * were right. Throws `PayloadError`.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Trailing headers, names in lower case. Empty until the body has ended. */
  trailers(): ReadonlyMap<string, string>;
}

/** The payload inside a body as sent, in whatever mode: verifies as it goes, in bounded memory. */
export function decodePayload(
  hash: Hash,
  mode: PayloadMode,
  body: AsyncIterable<Uint8Array>,
): DecodedPayload {
  const trailers = new Map<string, string>();
  const decoded = { trailers: () => trailers };
  switch (mode.kind) {
    case "unsigned":
      return { ...decoded, body };
    case "signed":
      return { ...decoded, body: verifySha256(hash, mode, body) };
    case "chunked":
      return { ...decoded, body: decodeChunks(hash, { payload: mode, body, trailers }) };
  }
}

async function* verifySha256(
  hash: Hash,
  payload: SignedPayload,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const hasher = hash.create("sha256");
  for await (const piece of body) {
    hasher.update(piece);
    yield piece;
  }
  checkSha256(payload, hasher.digest());
}

/** PayloadError `sha256_mismatch`, where a body is not the one that was declared. */
export function checkSha256({ sha256, declared }: SignedPayload, computed: Uint8Array): void {
  if (sha256 !== undefined && equalBytes(computed, sha256)) return;
  throw new PayloadError("sha256_mismatch", "the body is not the one that was signed", {
    kind: "sha256",
    declared,
    computed: toHex(computed),
  });
}
