import { signRequest } from "../auth/sign.ts";
import type { SigningIdentity } from "../auth/sign.ts";
import { noBytes, toHex } from "../base/bytes.ts";
import { createHash } from "./hash.ts";

export interface SignedCall {
  readonly method: string;
  /** Path and query, percent-encoded. */
  readonly target: string;
  /** Held whole: its digest is signed. */
  readonly body?: Uint8Array<ArrayBuffer> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One call of an S3 server, for commands and tests; it throws what `fetch` throws. */
export function signedFetch(
  endpoint: string,
  identity: SigningIdentity,
  { method, target, body, signal }: SignedCall,
): Promise<Response> {
  const hash = createHash();
  const { host } = new URL(endpoint);
  const contentSha256 = toHex(hash.digest("sha256", body ?? noBytes));
  const request = { method, target, headers: [["host", host]] as const };
  const signed = signRequest(hash, identity, request, { timeMs: Date.now(), contentSha256 });
  // `fetch` sends the host itself.
  const headers = signed.headers.filter(([name]) => name !== "host").map(([...pair]) => pair);
  return fetch(endpoint + target, {
    method,
    headers,
    body: body ?? null,
    ...(signal && { signal }),
  });
}
