/**
 * Signs requests, for clients: ours, the CLI's, the tests'. The canonical form is the verifier's
 * own.
 */
import type { Hash } from "../platform/hash.ts";
import { type HeaderList, headersByName, type RequestHead, requestHead } from "../platform/http.ts";
import { canonicalRequest, percentEncode } from "./canonical-request.ts";
import {
  type FrameSigning,
  deriveSigningKey,
  requestStringToSign,
  scopeText,
  signatureAlgorithm,
  unsignedPayload,
} from "./signature-v4.ts";
import { formatTimestamp } from "./request-time.ts";

/** What a signature covers of a request. */
export interface SignedRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: HeaderList;
}

/** The request's head as the server will parse it. */
export function headOf({ method, target, headers }: SignedRequest): RequestHead {
  return requestHead(method, target, headersByName(headers));
}

export interface SigningIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

export interface SignOptions {
  readonly timeMs: number;
  /**
   * `x-amz-content-sha256`: a digest in hexadecimal, `unsignedPayload`, or one of
   * `framedPayloads`.
   */
  readonly contentSha256: string;
}

export interface SignedHead {
  /** The request's headers and `x-amz-date`, `x-amz-content-sha256`, `authorization`. */
  readonly headers: HeaderList;
  /** The keys and texts to sign the frames of a body with. */
  readonly signing: FrameSigning;
}

/**
 * Signs every header of the request, which must name its `host` and must not have the three that
 * are added. Targets are percent-encoded, header names in lower case.
 */
export function signRequest(
  hash: Hash,
  identity: SigningIdentity,
  request: SignedRequest,
  { timeMs, contentSha256 }: SignOptions,
): SignedHead {
  const timestamp = formatTimestamp(timeMs);
  const headers: HeaderList = [
    ...request.headers,
    ["x-amz-content-sha256", contentSha256],
    ["x-amz-date", timestamp],
  ];
  const signedHeaders = sortedNames(headers);
  const signing = sign(hash, identity, { ...request, headers }, { timestamp, contentSha256 });
  const authorization = [
    `${signatureAlgorithm} Credential=${identity.accessKeyId}/${signing.scope}`,
    `SignedHeaders=${signedHeaders.join(";")}`,
    `Signature=${signing.seedSignature}`,
  ].join(", ");
  return { headers: [...headers, ["authorization", authorization]], signing };
}

export interface PresignOptions {
  readonly timeMs: number;
  /** The time the URL is valid; at most a week. */
  readonly expiresSeconds: number;
  /** Where the request has an `x-amz-content-sha256`: its value. */
  readonly contentSha256?: string | undefined;
}

/** The target, with its signature in the query; to be sent with the same headers. */
export function presignRequest(
  hash: Hash,
  identity: SigningIdentity,
  request: SignedRequest,
  { timeMs, expiresSeconds, contentSha256 = unsignedPayload }: PresignOptions,
): string {
  const timestamp = formatTimestamp(timeMs);
  const scope = scopeText({ date: timestamp.slice(0, 8), region: identity.region });
  const parameters = [
    ["X-Amz-Algorithm", signatureAlgorithm],
    ["X-Amz-Credential", `${identity.accessKeyId}/${scope}`],
    ["X-Amz-Date", timestamp],
    ["X-Amz-Expires", String(expiresSeconds)],
    ["X-Amz-SignedHeaders", sortedNames(request.headers).join(";")],
  ] as const;
  const query = parameters.map(([name, value]) => `${name}=${percentEncode(value)}`).join("&");
  const target = `${request.target}${request.target.includes("?") ? "&" : "?"}${query}`;
  const signing = sign(hash, identity, { ...request, target }, { timestamp, contentSha256 });
  return `${target}&X-Amz-Signature=${signing.seedSignature}`;
}

function sign(
  hash: Hash,
  identity: SigningIdentity,
  request: SignedRequest,
  { timestamp, contentSha256 }: { readonly timestamp: string; readonly contentSha256: string },
): FrameSigning {
  const keyScope = { date: timestamp.slice(0, 8), region: identity.region };
  const scope = scopeText(keyScope);
  const signedHeaders = sortedNames(request.headers);
  const canonical = canonicalRequest(headOf(request), {
    signedHeaders,
    payloadHash: contentSha256,
  });
  const text = requestStringToSign(hash, { timestamp, scope, canonicalRequest: canonical });
  const key = deriveSigningKey(hash, identity.secretAccessKey, keyScope);
  return { key, timestamp, scope, seedSignature: hash.hmacSha256Text(key, text) };
}

function sortedNames(headers: HeaderList): string[] {
  return [...new Set(headers.map(([name]) => name))].sort();
}
