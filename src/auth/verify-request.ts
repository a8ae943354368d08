/**
 * Finds out who sent a request. What it says about that is parsed here, in form and in time, and
 * becomes a claim; the claim is accepted with the credential that the server found for it. Nothing
 * here waits.
 */
import type { RequestHead } from "../platform/http.ts";
import type { AuthRefusal } from "./auth-refusal.ts";
import type { Claim, Verified, Verifier, VerifierOptions } from "./claim.ts";
import { AuthorizationHeaders } from "./authorization.ts";
import { anonymous } from "./authorize.ts";
import type { Credentials } from "./access-key.ts";
import type { Presigning } from "./hoisted-headers.ts";
import {
  type PayloadMode,
  contentSha256Header,
  declaredPayload,
  decodedLengthHeader,
  payloadMode,
} from "./payload.ts";
import { signatureAlgorithm, SigningKeys, unsignedPayload } from "./signature-v4.ts";
import { createTimestamps } from "./request-time.ts";
import { type FormFields, claimForm } from "./verify-form.ts";
import { headerClaimV2, onlyVersion4, presignedClaimV2 } from "./verify-v2.ts";
import { headerClaim, presignedClaim } from "./verify-v4.ts";
import { isRefusal } from "../base/refusal.ts";

/** Made once per process. */
export interface RequestVerifier {
  /** @param presigning as `presigningOf` found it in this head. */
  claim(head: RequestHead, presigning: Presigning | undefined): Claim | AuthRefusal;
  /** The same for a form, whose credentials stand among its fields. */
  claimForm(fields: FormFields): Claim | AuthRefusal;
}

export function createRequestVerifier(options: VerifierOptions): RequestVerifier {
  const authorizations = new AuthorizationHeaders(options.region);
  const verifier: Verifier = {
    ...options,
    keys: new SigningKeys(options.hash, options.region),
    authorizations,
    parseTimestamp: createTimestamps(),
  };
  return {
    claim: (head, presigning) => claimOf(verifier, head, presigning),
    claimForm: (fields) => claimForm(verifier, fields),
  };
}

/** Looks for the claim's credential and believes it, or not. */
export async function verifyClaim(
  claim: Claim | AuthRefusal,
  credentials: Credentials,
): Promise<Verified | AuthRefusal> {
  if (isRefusal(claim)) return claim;
  const { accessKeyId } = claim;
  return claim.verify(accessKeyId === undefined ? undefined : await credentials.find(accessKeyId));
}

function claimOf(
  verifier: Verifier,
  head: RequestHead,
  inQuery: Presigning | undefined,
): Claim | AuthRefusal {
  // An empty header is none.
  const authorization = head.headers.get("authorization") ?? "";
  if (authorization !== "" && inQuery !== undefined) return severalMechanisms(authorization);
  if (inQuery === "v4") return presignedClaim(verifier, head);
  if (authorization.startsWith(`${signatureAlgorithm} `)) {
    return headerClaim(verifier, authorization, head);
  }
  const isV2 = inQuery === "v2" || authorization.startsWith("AWS ");
  if (isV2 && !verifier.acceptsV2) return onlyVersion4;
  if (inQuery === "v2") return presignedClaimV2(verifier, head);
  if (isV2) return headerClaimV2(verifier, authorization, head);
  if (authorization === "") return anonymousClaim(head);
  return authorization.startsWith("AWS4-") ? unsupportedAlgorithm : unsupportedType(authorization);
}

function anonymousClaim({ headers }: RequestHead): Claim | AuthRefusal {
  const payload = payloadWithoutKey(
    headers.get(contentSha256Header),
    headers.get(decodedLengthHeader),
  );
  if (isRefusal(payload)) return payload;
  return claimOfNobody(payload);
}

function claimOfNobody(payload: PayloadMode): Claim {
  const accessKeyId = undefined;
  const rest = { accessKeyId, payload, signedHeaders: [], presigned: false };
  return { accessKeyId, verify: () => ({ principal: anonymous, ...rest }) };
}

/** The claim of a request that nobody signs, such as a browser's preflight. */
export const unsignedClaim: Claim = claimOfNobody({ kind: "unsigned" });

/** Where no key of Signature V4 is at hand, frames can't be signed. */
function payloadWithoutKey(
  contentSha256 = unsignedPayload,
  decodedLength: string | undefined,
): PayloadMode | AuthRefusal {
  const declared = declaredPayload(contentSha256, decodedLength);
  if (isRefusal(declared)) return declared;
  if (declared.kind === "framed" && declared.signed) {
    return { refusal: "content_sha256_invalid", value: contentSha256 };
  }
  return payloadMode(declared, undefined);
}

function severalMechanisms(value: string): AuthRefusal {
  const message =
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, " +
    "Signature query string parameter or the Authorization header should be specified";
  return { refusal: "authorization_unsupported", message, value };
}

const unsupportedAlgorithm: AuthRefusal = {
  refusal: "signature_unsupported",
  message: `Only ${signatureAlgorithm} is supported.`,
};

function unsupportedType(value: string): AuthRefusal {
  const message = "Unsupported Authorization Type";
  return { refusal: "authorization_unsupported", message, value };
}
