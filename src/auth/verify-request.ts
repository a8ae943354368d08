import { parseHttpDate } from "../base/http-date.ts";
import type { Clock } from "../platform/clock.ts";
import type { Hash } from "../platform/hash.ts";
import type { HeaderList } from "../platform/http.ts";
import type { AuthFailure } from "./auth-failure.ts";
import { AuthorizationHeaders, isPresigned, parsePresigned } from "./authorization.ts";
import type { ClaimedSignature, PresignedParameters } from "./authorization.ts";
import { anonymous } from "./authorize.ts";
import type { Principal } from "./authorize.ts";
import { canonicalRequest, headerValue, parseQuery, splitTarget } from "./canonical-request.ts";
import type { QueryParameter, SignedRequest } from "./canonical-request.ts";
import type { Credential, Credentials } from "./credentials.ts";
import { declaredPayload } from "./payload-mode.ts";
import type { DeclaredPayload, PayloadMode } from "./payload-mode.ts";
import {
  requestStringToSign,
  sameSignature,
  scopeText,
  signatureAlgorithm,
  unsignedPayload,
} from "./signature-v4.ts";
import type { ChunkSigning } from "./signature-v4.ts";
import { SigningKeys } from "./signing-keys.ts";
import { formatTimestamp, parseTimestamp } from "./timestamp.ts";
import { type FormFields, verifyForm } from "./verify-form.ts";

export type { AuthFailure, FormFields };

/** Who sent this request, and how its body is protected. Made once per process. */
export interface RequestVerifier {
  verify(request: SignedRequest): Promise<Verified | AuthFailure>;
  /** The same for a form, whose credentials stand among its fields. */
  verifyForm(fields: FormFields): Promise<Verified | AuthFailure>;
}

export interface RequestVerifierParts {
  readonly hash: Hash;
  readonly clock: Clock;
  readonly credentials: Credentials;
  readonly region: string;
}

export interface Verified {
  readonly kind: "verified";
  /** `anonymous` where the request carries no credentials at all: authorize judges that, not we. */
  readonly principal: Principal;
  readonly accessKeyId: string | undefined;
  readonly payload: PayloadMode;
  /** Names in lower case; empty for anonymous requests. */
  readonly signedHeaders: readonly string[];
  readonly presigned: boolean;
}

/** S3's tolerance between the request's time and ours. */
const skewMsMax = 15 * 60 * 1000;

export function createRequestVerifier(parts: RequestVerifierParts): RequestVerifier {
  const authorizations = new AuthorizationHeaders(parts.region);
  const verifier = { ...parts, keys: new SigningKeys(parts.hash), authorizations };
  return {
    verify: (request) => verify(verifier, request),
    verifyForm: (fields) => verifyForm(verifier, fields),
  };
}

interface Verifier extends RequestVerifierParts {
  readonly keys: SigningKeys;
  readonly authorizations: AuthorizationHeaders;
}

/** What a request claims about itself once its form and time were found good. */
interface Claim extends ClaimedSignature {
  readonly timestamp: string;
  readonly contentSha256: string;
  readonly token: string | undefined;
  readonly presigned: boolean;
}

async function verify(verifier: Verifier, request: SignedRequest): Promise<Verified | AuthFailure> {
  const claim = findClaim(verifier, request);
  if (claim === "anonymous") return verifyAnonymous(request);
  if ("kind" in claim) return claim;
  const headers = headersNotSigned(request.headers, claim.signedHeaders);
  if (headers.length > 0) return { kind: "refused", code: "headers_not_signed", headers };
  const credential = await verifier.credentials.find(claim.accessKeyId);
  if (credential === undefined) {
    return { kind: "refused", code: "access_key_unknown", accessKeyId: claim.accessKeyId };
  }
  if (claim.token !== undefined) {
    return { kind: "refused", code: "token_invalid", token: claim.token };
  }
  return verifySignature(verifier, request, { claim, credential });
}

function findClaim(verifier: Verifier, request: SignedRequest): Claim | AuthFailure | "anonymous" {
  const query = parseQuery(splitTarget(request.target).query);
  const authorization = headerValue(request.headers, "authorization");
  const presigned = isPresigned(query);
  const queryV2 = query.some(([name]) => name === "AWSAccessKeyId");
  if (authorization !== undefined && (presigned || queryV2)) return severalMechanisms;
  if (presigned) return presignedClaim(verifier, query, request.headers);
  if (queryV2 || authorization?.startsWith("AWS ") === true) return onlyVersion4;
  if (authorization === undefined) return "anonymous";
  if (authorization.startsWith(`${signatureAlgorithm} `)) {
    return headerClaim(verifier, authorization, request.headers);
  }
  return authorization.startsWith("AWS4-") ? unsupportedAlgorithm : unsupportedType;
}

function headerClaim(
  verifier: Verifier,
  authorization: string,
  headers: HeaderList,
): Claim | AuthFailure {
  const code = "authorization_header_malformed";
  const claimed = verifier.authorizations.parse(authorization);
  if ("malformed" in claimed) {
    return { kind: "refused", code, message: claimed.malformed, region: claimed.region };
  }
  const requestTime = headerValue(headers, "x-amz-date") ?? headerValue(headers, "date") ?? "";
  const requestTimeMs = parseTimestamp(requestTime) ?? parseHttpDate(requestTime);
  if (requestTimeMs === undefined) return noDate;
  const timestamp = requestTime.endsWith("Z") ? requestTime : formatTimestamp(requestTimeMs);
  if (!timestamp.startsWith(claimed.date)) {
    const message =
      `The authorization header is malformed; Invalid credential date "${claimed.date}". ` +
      `This date is not the same as X-Amz-Date: "${timestamp.slice(0, 8)}".`;
    return { kind: "refused", code, message };
  }
  const serverTimeMs = verifier.clock.now();
  if (Math.abs(serverTimeMs - requestTimeMs) > skewMsMax) {
    return { kind: "refused", code: "time_skewed", requestTime, serverTimeMs, skewMsMax };
  }
  const contentSha256 = headerValue(headers, "x-amz-content-sha256");
  if (contentSha256 === undefined) return { kind: "refused", code: "content_sha256_missing" };
  const token = headerValue(headers, "x-amz-security-token");
  return { ...claimed, timestamp, contentSha256, token, presigned: false };
}

function presignedClaim(
  verifier: Verifier,
  query: readonly QueryParameter[],
  headers: HeaderList,
): Claim | AuthFailure {
  const code = "authorization_query_malformed";
  const claimed = parsePresigned(query, verifier.region);
  if ("malformed" in claimed) {
    return { kind: "refused", code, message: claimed.malformed, region: claimed.region };
  }
  const startsAtMs = parseTimestamp(claimed.timestamp);
  if (startsAtMs === undefined) {
    const message = `X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`;
    return { kind: "refused", code, message };
  }
  if (!claimed.timestamp.startsWith(claimed.date)) {
    const message =
      `Invalid credential date "${claimed.date}". ` +
      `This date is not the same as X-Amz-Date: "${claimed.timestamp.slice(0, 8)}".`;
    return { kind: "refused", code, message };
  }
  const untimely = presignUntimely(verifier.clock.now(), startsAtMs, claimed);
  if (untimely !== undefined) return untimely;
  const declared = claimed.contentSha256 ?? headerValue(headers, "x-amz-content-sha256");
  const token = claimed.token ?? headerValue(headers, "x-amz-security-token");
  return { ...claimed, token, contentSha256: declared ?? unsignedPayload, presigned: true };
}

function presignUntimely(
  serverTimeMs: number,
  startsAtMs: number,
  { expiresSeconds }: PresignedParameters,
): AuthFailure | undefined {
  if (startsAtMs - serverTimeMs > skewMsMax) {
    return { kind: "refused", code: "presign_early", startsAtMs, serverTimeMs };
  }
  const expiresAtMs = startsAtMs + expiresSeconds * 1000;
  if (serverTimeMs <= expiresAtMs) return undefined;
  const code = "presign_expired";
  return { kind: "refused", code, expiresAtMs, expiresSeconds, serverTimeMs };
}

/** S3 insists that all of its own headers are signed, and the host: else they could be added on the way. */
function headersNotSigned(headers: HeaderList, signedHeaders: readonly string[]): string[] {
  const missing = new Set<string>();
  if (!signedHeaders.includes("host")) missing.add("host");
  for (const [name] of headers) {
    if (name.startsWith("x-amz-") && !signedHeaders.includes(name)) missing.add(name);
  }
  return [...missing];
}

function verifySignature(
  verifier: Verifier,
  request: SignedRequest,
  { claim, credential }: { readonly claim: Claim; readonly credential: Credential },
): Verified | AuthFailure {
  const { hash, region } = verifier;
  const { accessKeyId, signedHeaders, timestamp, presigned, signature } = claim;
  const declared = declarePayload(claim.contentSha256, request.headers);
  if ("code" in declared) return declared;
  const payloadHash = claim.contentSha256;
  const canonical = canonicalRequest(request, { signedHeaders, payloadHash });
  const keyScope = { date: claim.date, region };
  const scope = scopeText(keyScope);
  const stringToSign = requestStringToSign(hash, { timestamp, scope, canonicalRequest: canonical });
  const key = verifier.keys.derive(credential.secretAccessKey, keyScope);
  if (!sameSignature(hash.hmacSha256Text(key, stringToSign), signature)) {
    return {
      kind: "refused",
      code: "signature_mismatch",
      accessKeyId,
      signatureProvided: signature,
      stringToSign,
      canonicalRequest: canonical,
    };
  }
  const payload = payloadMode(declared, { key, timestamp, scope, seedSignature: signature });
  const { principal } = credential;
  return { kind: "verified", principal, accessKeyId, payload, signedHeaders, presigned };
}

function verifyAnonymous(request: SignedRequest): Verified | AuthFailure {
  const contentSha256 = headerValue(request.headers, "x-amz-content-sha256") ?? unsignedPayload;
  const declared = declarePayload(contentSha256, request.headers);
  if ("code" in declared) return declared;
  if (declared.kind === "chunked" && declared.signed) {
    return { kind: "refused", code: "content_sha256_invalid", value: contentSha256 };
  }
  return {
    kind: "verified",
    principal: anonymous,
    accessKeyId: undefined,
    payload: payloadMode(declared, undefined),
    signedHeaders: [],
    presigned: false,
  };
}

function declarePayload(contentSha256: string, headers: HeaderList): DeclaredPayload | AuthFailure {
  const decodedLength = headerValue(headers, "x-amz-decoded-content-length");
  const declared = declaredPayload(contentSha256, decodedLength);
  return "code" in declared ? { kind: "refused", ...declared } : declared;
}

function payloadMode(declared: DeclaredPayload, signing: ChunkSigning | undefined): PayloadMode {
  if (declared.kind !== "chunked") return declared;
  const { trailer, decodedBytes } = declared;
  return { kind: "chunked", signing: declared.signed ? signing : undefined, trailer, decodedBytes };
}

const severalMechanisms: AuthFailure = {
  kind: "refused",
  code: "authorization_unsupported",
  message:
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, " +
    "Signature query string parameter or the Authorization header should be specified",
};

const onlyVersion4: AuthFailure = {
  kind: "refused",
  code: "signature_version",
  message:
    "The authorization mechanism you have provided is not supported. " +
    `Please use ${signatureAlgorithm}.`,
};

const unsupportedAlgorithm: AuthFailure = {
  kind: "refused",
  code: "signature_unsupported",
  message: `Only ${signatureAlgorithm} is supported.`,
};

const unsupportedType: AuthFailure = {
  kind: "refused",
  code: "authorization_unsupported",
  message: "Unsupported Authorization Type",
};

const noDate: AuthFailure = {
  kind: "refused",
  code: "date_missing",
  message: "AWS authentication requires a valid Date or x-amz-date header",
};
