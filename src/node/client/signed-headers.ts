import { signRequest } from "../../auth/sign.ts";
import type { SigningIdentity } from "../../auth/sign.ts";
import { noBytes, toHex } from "../../base/bytes.ts";
import type { HeaderList } from "../../platform/http.ts";
import { createHash } from "../platform/hash.ts";

export interface SignedCall {
  readonly method: string;
  /** Path and query, percent-encoded. */
  readonly target: string;
  /** Held whole: its digest is signed. */
  readonly body?: Uint8Array | undefined;
  /** More to sign, names in lower case; they are among those returned. */
  readonly headers?: HeaderList | undefined;
}

const hash = createHash();

/**
 * The headers to send with a call, apart from its length: the host and the signature, valid for 15
 * minutes.
 */
export function signedHeaders(
  host: string,
  identity: SigningIdentity,
  { method, target, body = noBytes, headers: more = [] }: SignedCall,
): HeaderList {
  const contentSha256 = toHex(hash.digest("sha256", body));
  const headers: HeaderList = [["host", host], ...more];
  const request = { method, target, headers };
  return signRequest(hash, identity, request, { timeMs: Date.now(), contentSha256 }).headers;
}
