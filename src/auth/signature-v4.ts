import { toHex } from "../base/bytes.ts";
import { RecentMap } from "../base/recent-map.ts";
import type { Hash } from "../platform/hash.ts";
import { wireBytes } from "./canonical-request.ts";

/** Signature V4 itself: from a canonical request or a frame to a signature. */

export const signatureAlgorithm = "AWS4-HMAC-SHA256";
export const unsignedPayload = "UNSIGNED-PAYLOAD";
/** The service that requests are signed for. */
export const signedService = "s3";
export const scopeTerminator = "aws4_request";

/** The values that chained frame signatures are computed from. */
export interface FrameSigning {
  readonly key: Uint8Array;
  /** `x-amz-date` of the request: 20130524T000000Z. */
  readonly timestamp: string;
  /** 20130524/us-east-1/s3/aws4_request */
  readonly scope: string;
  /** The request's own signature, in hexadecimal: the first frame's is chained to it. */
  readonly seedSignature: string;
}

export interface KeyScope {
  /** 20130524 */
  readonly date: string;
  readonly region: string;
}

export function scopeText(scope: KeyScope): string {
  return `${scope.date}/${scope.region}/${signedService}/${scopeTerminator}`;
}

export function deriveSigningKey(hash: Hash, secretAccessKey: string, scope: KeyScope): Uint8Array {
  const steps = [scope.date, scope.region, signedService, scopeTerminator];
  return steps.reduce(
    (key, step) => hash.hmacSha256(key, wireBytes(step)),
    wireBytes(`AWS4${secretAccessKey}`),
  );
}

export function requestStringToSign(
  hash: Hash,
  signed: { readonly timestamp: string; readonly scope: string; readonly canonicalRequest: string },
): string {
  const digest = hash.sha256Text(signed.canonicalRequest);
  return `${signatureAlgorithm}\n${signed.timestamp}\n${signed.scope}\n${digest}`;
}

/** The text that the signature of a frame signs. */
export function frameStringToSign(
  signing: FrameSigning,
  frame: { readonly previousSignature: string; readonly sha256: Uint8Array },
): string {
  return [
    `${signatureAlgorithm}-PAYLOAD`,
    signing.timestamp,
    signing.scope,
    frame.previousSignature,
    emptySha256,
    toHex(frame.sha256),
  ].join("\n");
}

/** The same of the trailer. `trailers` as sent, in order, without the signature's own. */
export function trailerStringToSign(
  hash: Hash,
  signing: FrameSigning,
  signed: { readonly previousSignature: string; readonly trailers: ReadonlyMap<string, string> },
): string {
  const lines = [...signed.trailers].map(([name, value]) => `${name}:${value}\n`).join("");
  return [
    `${signatureAlgorithm}-TRAILER`,
    signing.timestamp,
    signing.scope,
    signed.previousSignature,
    hash.sha256Text(lines),
  ].join("\n");
}

/** Takes as long whatever differs, so that answers' times say nothing about the right signature. */
export function sameSignature(expected: string, provided: string): boolean {
  let difference = expected.length ^ provided.length;
  for (let i = 0; i < expected.length; i++) {
    difference |= expected.charCodeAt(i) ^ provided.charCodeAt(i);
  }
  return difference === 0;
}

export const emptySha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/**
 * @limit Keys last a day each; so many users a day are served without deriving (four HMACs) again.
 * ~200 B each.
 */
export const signingKeysMax = 1024;

/** A cache of derived signing keys; the oldest is evicted. */
export class SigningKeys {
  readonly #hash: Hash;
  readonly #region: string;
  readonly #keys = new RecentMap<string, Uint8Array>(signingKeysMax);

  constructor(hash: Hash, region: string) {
    this.#hash = hash;
    this.#region = region;
  }

  /** Keys are kept under the secret and not its id: a changed secret must not find the old key. */
  derive(secretAccessKey: string, date: string): Uint8Array {
    const name = `${date}/${secretAccessKey}`;
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const key = deriveSigningKey(this.#hash, secretAccessKey, { date, region: this.#region });
    this.#keys.set(name, key);
    return key;
  }
}
