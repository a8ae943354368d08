import type { Clock } from "../platform/clock.ts";
import type { Hash } from "../platform/hash.ts";
import type { HeaderList } from "../platform/http.ts";
import type { AuthFailure } from "./auth-failure.ts";
import {
  type V2Claim,
  headerClaimV2,
  isPresignedV2,
  onlyVersion4,
  presignedClaimV2,
} from "./authorization-v2.ts";
import { AuthorizationHeaders, isPresigned, parsePresigned } from "./authorization.ts";
import type { ClaimedSignature, PresignedParameters } from "./authorization.ts";
import { anonymous } from "./authorize.ts";
import type { Principal } from "./authorize.ts";
import { canonicalRequest, headerValue, parseQuery, splitTarget } from "./canonical-request.ts";
import type { QueryParameter, SignedRequest } from "./canonical-request.ts";
import type { Credential, Credentials } from "./credentials.ts";
import { withSignedParameters } from "./hoisted-headers.ts";
import { declaredPayload, declaredRawPayload } from "./payload-mode.ts";
import type { DeclaredPayload, PayloadMode } from "./payload-mode.ts";
import { requestTimeOf, skewMsMax, skewOf } from "./request-time.ts";
import { signatureV2 } from "./signature-v2.ts";
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
import { otherHosts } from "./virtual-host.ts";

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
  /** Hosts whose subdomains are buckets. */
  readonly domains: readonly string[];
  /** Whether Signature V2 is taken. */
  readonly acceptsV2: boolean;
}

export interface Verified {
  readonly kind: "verified";
  /** `anonymous` where the request carries no credentials at all: authorize judges that, not we. */
  readonly principal: Principal;
  readonly accessKeyId: string | undefined;
  readonly payload: PayloadMode;
  /** By Signature V4, names in lower case. */
  readonly signedHeaders: readonly string[];
  readonly presigned: boolean;
}

export function createRequestVerifier(parts: RequestVerifierParts): RequestVerifier {
  const authorizations = new AuthorizationHeaders(parts.region);
  const verifier = { ...parts, keys: new SigningKeys(parts.hash), authorizations };
  return {
    verify: (request) => verify(verifier, request),
    verifyForm: (fields) => verifyForm(verifier, fields),
  };
}

const contentSha256Header = "x-amz-content-sha256";
const decodedLengthHeader = "x-amz-decoded-content-length";

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
  const isV2 = "textsToSign" in claim;
  const headers = isV2 ? [] : headersNotSigned(request.headers, claim);
  if (headers.length > 0) return { kind: "refused", code: "headers_not_signed", headers };
  const credential = await verifier.credentials.find(claim.accessKeyId);
  if (credential === undefined) {
    return { kind: "refused", code: "access_key_unknown", accessKeyId: claim.accessKeyId };
  }
  if (claim.token !== undefined) {
    return { kind: "refused", code: "token_invalid", token: claim.token };
  }
  return isV2
    ? verifySignatureV2(verifier, request, { claim, credential })
    : verifySignature(verifier, request, { claim, credential });
}

function findClaim(
  verifier: Verifier,
  request: SignedRequest,
): Claim | V2Claim | AuthFailure | "anonymous" {
  const query = parseQuery(splitTarget(request.target).query);
  // An empty header is none.
  const authorization = headerValue(request.headers, "authorization") ?? "";
  const inQuery = isPresigned(query) ? "v4" : isPresignedV2(query) ? "v2" : undefined;
  if (authorization !== "" && inQuery !== undefined) return severalMechanisms(authorization);
  if (inQuery === "v4") return presignedClaim(verifier, query, request.headers);
  if (inQuery === "v2" || authorization.startsWith("AWS ")) {
    return findClaimV2(verifier, request, { authorization, query });
  }
  if (authorization === "") return "anonymous";
  if (authorization.startsWith(`${signatureAlgorithm} `)) {
    return headerClaim(verifier, authorization, request.headers);
  }
  return authorization.startsWith("AWS4-") ? unsupportedAlgorithm : unsupportedType(authorization);
}

function findClaimV2(
  { acceptsV2, clock, domains }: Verifier,
  request: SignedRequest,
  sent: { readonly authorization: string; readonly query: readonly QueryParameter[] },
): V2Claim | AuthFailure {
  if (!acceptsV2) return onlyVersion4;
  const context = { serverTimeMs: clock.now(), domains };
  if (sent.authorization !== "") return headerClaimV2(request, sent.authorization, context);
  return presignedClaimV2(request, sent.query, context);
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
  const time = requestTimeOf(headers);
  if ("kind" in time) return time;
  const isTimestamp = parseTimestamp(time.text) !== undefined;
  const timestamp = isTimestamp ? time.text : formatTimestamp(time.ms);
  if (!timestamp.startsWith(claimed.date)) {
    const message =
      `The authorization header is malformed; Invalid credential date "${claimed.date}". ` +
      `This date is not the same as X-Amz-Date: "${timestamp.slice(0, 8)}".`;
    return { kind: "refused", code, message };
  }
  const skew = skewOf(time, verifier.clock.now());
  if (skew !== undefined) return skew;
  const contentSha256 = headerValue(headers, contentSha256Header);
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
  const isSigned = claimed.signedHeaders.includes(contentSha256Header);
  const sent = isSigned ? headerValue(headers, contentSha256Header) : undefined;
  const declared = claimed.contentSha256 ?? sent;
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
  if (serverTimeMs <= expiresAtMs && expiresSeconds > 0) return undefined;
  const code = "presign_expired";
  return { kind: "refused", code, expiresAtMs, expiresSeconds, serverTimeMs };
}

/**
 * S3 insists that all of its own headers are signed, and the host: else they could be added on the way. Some clients add
 * `x-amz-content-sha256` to whatever they send: beside a presigned URL it is let pass, and means nothing.
 */
function headersNotSigned(headers: HeaderList, { signedHeaders, presigned }: Claim): string[] {
  const missing = new Set<string>();
  if (!signedHeaders.includes("host")) missing.add("host");
  for (const [name] of headers) {
    if (!name.startsWith("x-amz-") || signedHeaders.includes(name)) continue;
    if (!presigned || name !== contentSha256Header) missing.add(name);
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
  const declared = presigned
    ? declareRawPayload(claim.contentSha256, request.headers)
    : declarePayload(claim.contentSha256, request.headers);
  if ("code" in declared) return declared;
  const payloadHash = claim.contentSha256;
  const covered = presigned ? withParameters(request, signedHeaders) : request;
  const keyScope = { date: claim.date, region };
  const scope = scopeText(keyScope);
  const key = verifier.keys.derive(credential.secretAccessKey, keyScope);
  const textsOf = (signed: SignedRequest) => {
    const canonical = canonicalRequest(signed, { signedHeaders, payloadHash });
    const parts = { timestamp, scope, canonicalRequest: canonical };
    return { canonical, stringToSign: requestStringToSign(hash, parts) };
  };
  const isRight = (text: string): boolean =>
    sameSignature(hash.hmacSha256Text(key, text), signature);
  const { canonical, stringToSign } = textsOf(covered);
  const isVerified =
    isRight(stringToSign) ||
    hostVariants(covered).some((variant) => isRight(textsOf(variant).stringToSign));
  if (!isVerified) {
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

/** The request with its host written in other ways. */
function hostVariants({ method, target, headers }: SignedRequest): readonly SignedRequest[] {
  const others = headers.filter(([name]) => name !== "host");
  return otherHosts(headerValue(headers, "host") ?? "").map((host) => ({
    method,
    target,
    headers: [...others, ["host", host]],
  }));
}

function withParameters(request: SignedRequest, signedHeaders: readonly string[]): SignedRequest {
  const parameters = parseQuery(splitTarget(request.target).query);
  const headers = withSignedParameters(request.headers, signedHeaders, parameters);
  return { method: request.method, target: request.target, headers };
}

function verifySignatureV2(
  { hash }: Verifier,
  request: SignedRequest,
  { claim, credential }: { readonly claim: V2Claim; readonly credential: Credential },
): Verified | AuthFailure {
  const { accessKeyId, signature, textsToSign, presigned } = claim;
  const isRight = (text: string): boolean =>
    sameSignature(signatureV2(hash, credential.secretAccessKey, text), signature);
  if (!textsToSign.some(isRight)) {
    const [stringToSign = ""] = textsToSign;
    return {
      kind: "refused",
      code: "signature_mismatch",
      accessKeyId,
      signatureProvided: signature,
      stringToSign,
      canonicalRequest: undefined,
    };
  }
  const { principal } = credential;
  const contentSha256 = headerValue(request.headers, contentSha256Header);
  const payload = declareRawPayload(contentSha256, request.headers);
  if ("code" in payload) return payload;
  return { kind: "verified", principal, accessKeyId, payload, signedHeaders: [], presigned };
}

function verifyAnonymous(request: SignedRequest): Verified | AuthFailure {
  const payload = payloadWithoutKey(request.headers);
  if ("code" in payload) return payload;
  return {
    kind: "verified",
    principal: anonymous,
    accessKeyId: undefined,
    payload,
    signedHeaders: [],
    presigned: false,
  };
}

/** Where no key of Signature V4 is at hand, chunks can't be signed. */
function payloadWithoutKey(headers: HeaderList): PayloadMode | AuthFailure {
  const contentSha256 = headerValue(headers, contentSha256Header) ?? unsignedPayload;
  const declared = declarePayload(contentSha256, headers);
  if ("code" in declared) return declared;
  if (declared.kind === "chunked" && declared.signed) {
    return { kind: "refused", code: "content_sha256_invalid", value: contentSha256 };
  }
  return payloadMode(declared, undefined);
}

function declarePayload(contentSha256: string, headers: HeaderList): DeclaredPayload | AuthFailure {
  const declared = declaredPayload(contentSha256, headerValue(headers, decodedLengthHeader));
  return "code" in declared ? { kind: "refused", ...declared } : declared;
}

function declareRawPayload(contentSha256: string | undefined, headers: HeaderList) {
  const declared = declaredRawPayload(contentSha256, headerValue(headers, decodedLengthHeader));
  return "code" in declared ? ({ kind: "refused", ...declared } as const) : declared;
}

function payloadMode(declared: DeclaredPayload, signing: ChunkSigning | undefined): PayloadMode {
  if (declared.kind !== "chunked") return declared;
  const { trailer, decodedBytes } = declared;
  return { kind: "chunked", signing: declared.signed ? signing : undefined, trailer, decodedBytes };
}

function severalMechanisms(value: string): AuthFailure {
  const message =
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, " +
    "Signature query string parameter or the Authorization header should be specified";
  return { kind: "refused", code: "authorization_unsupported", message, value };
}

const unsupportedAlgorithm: AuthFailure = {
  kind: "refused",
  code: "signature_unsupported",
  message: `Only ${signatureAlgorithm} is supported.`,
};

function unsupportedType(value: string): AuthFailure {
  const message = "Unsupported Authorization Type";
  return { kind: "refused", code: "authorization_unsupported", message, value };
}
