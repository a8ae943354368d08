/** Signature V4 in a request's header or its query: what it claims, and whether that is true. */
import type { Headers, RequestHead } from "../platform/http.ts";
import type { AuthRefusal } from "./auth-refusal.ts";
import type { Claim, Verified, Verifier } from "./claim.ts";
import {
  type ClaimedSignature,
  type PresignedParameters,
  parsePresigned,
} from "./authorization.ts";
import { canonicalRequest } from "./canonical-request.ts";
import type { Credential } from "./access-key.ts";
import { withSignedParameters } from "./hoisted-headers.ts";
import {
  contentSha256Header,
  declaredPayload,
  declaredRawPayload,
  decodedLengthHeader,
  payloadMode,
} from "./payload.ts";
import { parseTimestamp, requestTimeOf, skewMsMax, skewOf } from "./request-time.ts";
import { requestStringToSign, sameSignature, unsignedPayload } from "./signature-v4.ts";
import { otherHosts } from "./virtual-host.ts";
import { isRefusal } from "../base/refusal.ts";

/** The values that a signature covers in addition to the request. */
interface SignedValues {
  readonly timestamp: string;
  readonly contentSha256: string;
  readonly token: string | undefined;
  readonly presigned: boolean;
}

export function headerClaim(
  verifier: Verifier,
  authorization: string,
  head: RequestHead,
): Claim | AuthRefusal {
  const refusal = "authorization_header_malformed";
  const { headers } = head;
  const claimed = verifier.authorizations.parse(authorization);
  if (isRefusal(claimed)) return { ...claimed, refusal };
  const time = requestTimeOf(headers, verifier.parseTimestamp);
  if (isRefusal(time)) return time;
  const { timestamp } = time;
  if (!timestamp.startsWith(claimed.date)) {
    const message =
      `The authorization header is malformed; Invalid credential date "${claimed.date}". ` +
      `This date is not the same as X-Amz-Date: "${timestamp.slice(0, 8)}".`;
    return { refusal, message };
  }
  const skew = skewOf(time, verifier.clock.now());
  if (skew !== undefined) return skew;
  const contentSha256 = headers.get(contentSha256Header);
  if (contentSha256 === undefined) return { refusal: "content_sha256_missing" };
  const token = headers.get("x-amz-security-token");
  return claimOf(verifier, head, claimed, { timestamp, contentSha256, token, presigned: false });
}

export function presignedClaim(verifier: Verifier, head: RequestHead): Claim | AuthRefusal {
  const refusal = "authorization_query_malformed";
  const claimed = parsePresigned(head.query, verifier.region);
  if (isRefusal(claimed)) return { ...claimed, refusal };
  const { timestamp } = claimed;
  const startsAtMs = parseTimestamp(timestamp);
  if (startsAtMs === undefined) {
    const message = `X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`;
    return { refusal, message };
  }
  if (!timestamp.startsWith(claimed.date)) {
    const message =
      `Invalid credential date "${claimed.date}". ` +
      `This date is not the same as X-Amz-Date: "${timestamp.slice(0, 8)}".`;
    return { refusal, message };
  }
  const untimely = presignUntimely(verifier.clock.now(), startsAtMs, claimed);
  if (untimely !== undefined) return untimely;
  const isSigned = claimed.signedHeaders.includes(contentSha256Header);
  const sent = isSigned ? head.headers.get(contentSha256Header) : undefined;
  const contentSha256 = claimed.contentSha256 ?? sent ?? unsignedPayload;
  const token = claimed.token ?? head.headers.get("x-amz-security-token");
  return claimOf(verifier, head, claimed, { timestamp, contentSha256, token, presigned: true });
}

function presignUntimely(
  serverTimeMs: number,
  startsAtMs: number,
  { expiresSeconds }: PresignedParameters,
): AuthRefusal | undefined {
  if (startsAtMs - serverTimeMs > skewMsMax) {
    return { refusal: "presign_early", startsAtMs, serverTimeMs };
  }
  const expiresAtMs = startsAtMs + expiresSeconds * 1000;
  if (serverTimeMs <= expiresAtMs && expiresSeconds > 0) return undefined;
  const refusal = "presign_expired";
  return { refusal, expiresAtMs, expiresSeconds, serverTimeMs };
}

function claimOf(
  verifier: Verifier,
  head: RequestHead,
  claimed: ClaimedSignature,
  signed: SignedValues,
): Claim | AuthRefusal {
  const { accessKeyId, signedHeaders } = claimed;
  const headers = headersNotSigned(head.headers, signedHeaders, signed.presigned);
  if (headers !== undefined) return { refusal: "headers_not_signed", headers };
  const { token } = signed;
  return {
    accessKeyId,
    verify(credential) {
      if (credential === undefined) {
        return { refusal: "access_key_unknown", accessKeyId };
      }
      if (token !== undefined) return { refusal: "token_invalid", token };
      return verifySignature(verifier, head, credential, { ...claimed, ...signed });
    },
  };
}

/**
 * S3 insists that all of its own headers are signed, and the host: else they could be added on the
 * way. Some clients add `x-amz-content-sha256` to whatever they send: with a presigned URL it is
 * accepted, and means nothing.
 */
function headersNotSigned(
  headers: Headers,
  signedHeaders: readonly string[],
  presigned: boolean,
): readonly string[] | undefined {
  let missing: string[] | undefined;
  if (!signedHeaders.includes("host")) missing = ["host"];
  for (const name of headers.keys()) {
    if (!name.startsWith("x-amz-") || signedHeaders.includes(name)) continue;
    if (!presigned || name !== contentSha256Header) (missing ??= []).push(name);
  }
  return missing;
}

function verifySignature(
  verifier: Verifier,
  head: RequestHead,
  credential: Credential,
  claim: ClaimedSignature & SignedValues,
): Verified | AuthRefusal {
  const { hash } = verifier;
  const { accessKeyId, signedHeaders, signature, presigned, timestamp, scope } = claim;
  const payloadHash = claim.contentSha256;
  const declare = presigned ? declaredRawPayload : declaredPayload;
  const declared = declare(payloadHash, head.headers.get(decodedLengthHeader));
  if (isRefusal(declared)) return declared;
  const key = verifier.keys.derive(credential.secretAccessKey, claim.date);
  const signed = presigned ? { ...head, headers: withSignedParameters(head, signedHeaders) } : head;
  const canonical = canonicalRequest(signed, { signedHeaders, payloadHash });
  const stringToSign = requestStringToSign(hash, { timestamp, scope, canonicalRequest: canonical });
  const isRight =
    sameSignature(hash.hmacSha256Text(key, stringToSign), signature) ||
    withOtherHosts(signed).some((other) => {
      const canonicalOther = canonicalRequest(other, { signedHeaders, payloadHash });
      const values = { timestamp, scope, canonicalRequest: canonicalOther };
      return sameSignature(hash.hmacSha256Text(key, requestStringToSign(hash, values)), signature);
    });
  if (!isRight) {
    return {
      refusal: "signature_mismatch",
      accessKeyId,
      signatureProvided: signature,
      stringToSign,
      canonicalRequest: canonical,
    };
  }
  const payload = payloadMode(declared, { key, timestamp, scope, seedSignature: signature });
  const { principal } = credential;
  return { principal, accessKeyId, payload, signedHeaders, presigned };
}

/** The request with its host written in other ways. */
function withOtherHosts(head: RequestHead): readonly RequestHead[] {
  return otherHosts(head.headers.get("host") ?? "").map((host) => ({
    ...head,
    headers: new Map(head.headers).set("host", host),
  }));
}
