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
  readonly body?: Uint8Array<ArrayBuffer> | undefined;
  readonly signal?: AbortSignal | undefined;
}

const hash = createHash();

/** One call of an S3 server, for commands and tests; it throws what `fetch` throws. */
export function signedFetch(
  endpoint: string,
  identity: SigningIdentity,
  call: SignedCall,
): Promise<Response> {
  const { method, target, body = null, signal } = call;
  // `fetch` sends the host itself.
  const headers = signedHeaders(new URL(endpoint).host, identity, call)
    .filter(([name]) => name !== "host")
    .map(([...pair]) => pair);
  return fetch(endpoint + target, { method, headers, body, ...(signal && { signal }) });
}

/**
 * The headers to send with a call, apart from its length: the host and the signature, valid for 15
 * minutes.
 */
export function signedHeaders(
  host: string,
  identity: SigningIdentity,
  call: {
    readonly method: string;
    readonly target: string;
    readonly body?: Uint8Array | undefined;
    /** More to sign, names in lower case; they are among those returned. */
    readonly headers?: HeaderList | undefined;
  },
): HeaderList {
  const { method, target, body = noBytes, headers: more = [] } = call;
  const contentSha256 = toHex(hash.digest("sha256", body));
  const headers: HeaderList = [["host", host], ...more];
  const request = { method, target, headers };
  return signRequest(hash, identity, request, { timeMs: Date.now(), contentSha256 }).headers;
}
