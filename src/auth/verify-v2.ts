/** Signature V2 in a request's header or its query: what it claims, and whether that is true. */
import type { QueryParameter, RequestHead } from "../platform/http.ts";
import type { AuthRefusal } from "./auth-refusal.ts";
import type { Claim, Verified, Verifier } from "./claim.ts";
import type { Credential } from "./access-key.ts";
import { contentSha256Header, declaredRawPayload, decodedLengthHeader } from "./payload.ts";
import { requestTimeOf, skewOf } from "./request-time.ts";
import { sameSignature, signatureAlgorithm } from "./signature-v4.ts";
import { signatureV2, textsToSignV2 } from "./signature-v2.ts";
import { bucketOfHost } from "./virtual-host.ts";
import { isRefusal } from "../base/refusal.ts";

interface ClaimedV2 {
  readonly accessKeyId: string;
  readonly signature: string;
  /** The date, or the time of expiry, that is signed. */
  readonly date: string;
  readonly token: string | undefined;
  readonly presigned: boolean;
}

/** `Authorization: AWS <id>:<signature>` */
export function headerClaimV2(
  verifier: Verifier,
  authorization: string,
  head: RequestHead,
): Claim | AuthRefusal {
  const { headers } = head;
  const match = /^AWS +([^: ]+):([^: ]+) *$/.exec(authorization);
  const [, accessKeyId, signature] = match ?? [];
  if (accessKeyId === undefined || signature === undefined) return malformed(authorization);
  const time = requestTimeOf(headers, verifier.parseTimestamp);
  if (isRefusal(time)) return time;
  const skew = skewOf(time, verifier.clock.now());
  if (skew !== undefined) return skew;
  const date = headers.has("x-amz-date") ? "" : time.text;
  const token = headers.get("x-amz-security-token");
  return claimOf(verifier, head, { accessKeyId, signature, date, token, presigned: false });
}

const queryNames = ["AWSAccessKeyId", "Expires", "Signature"] as const;

/** @limit S3 takes no time of expiry that a signed number of 32 bits does not hold. */
const expiresMax = 2 ** 31 - 1;

/** `?AWSAccessKeyId=…&Expires=…&Signature=…` */
export function presignedClaimV2(verifier: Verifier, head: RequestHead): Claim | AuthRefusal {
  const refusal = "query_unusable";
  const [accessKeyId, expires, signature] = queryNames.map((name) => valueOf(head.query, name));
  if (accessKeyId === undefined || expires === undefined || signature === undefined) {
    const message =
      "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters";
    return { refusal, message };
  }
  if (!/^-?\d{1,15}$/.test(expires) || Number(expires) > expiresMax) {
    const message = `Invalid date (should be seconds since epoch): ${expires}`;
    return { refusal, message };
  }
  const expiresAtMs = Number(expires) * 1000;
  const serverTimeMs = verifier.clock.now();
  if (serverTimeMs > expiresAtMs) {
    const refusal = "presign_expired";
    return { refusal, expiresAtMs, expiresSeconds: undefined, serverTimeMs };
  }
  const token = tokenOf(head);
  return claimOf(verifier, head, { accessKeyId, signature, date: expires, token, presigned: true });
}

function claimOf(verifier: Verifier, head: RequestHead, claimed: ClaimedV2): Claim {
  const { accessKeyId, token } = claimed;
  return {
    accessKeyId,
    verify(credential) {
      if (credential === undefined) {
        return { refusal: "access_key_unknown", accessKeyId };
      }
      if (token !== undefined) return { refusal: "token_invalid", token };
      return verifySignature(verifier, head, credential, claimed);
    },
  };
}

function verifySignature(
  { hash, domains }: Verifier,
  head: RequestHead,
  { principal, secretAccessKey }: Credential,
  { accessKeyId, signature, date, presigned }: ClaimedV2,
): Verified | AuthRefusal {
  const { headers } = head;
  const bucket = bucketOfHost(head.host, domains);
  // Any of them may be what was signed.
  const texts = textsToSignV2(head, { date, bucket });
  if (!texts.some((text) => sameSignature(signatureV2(hash, secretAccessKey, text), signature))) {
    const [stringToSign = ""] = texts;
    return {
      refusal: "signature_mismatch",
      accessKeyId,
      signatureProvided: signature,
      stringToSign,
      canonicalRequest: undefined,
    };
  }
  const payload = declaredRawPayload(
    headers.get(contentSha256Header),
    headers.get(decodedLengthHeader),
  );
  if (isRefusal(payload)) return payload;
  return { principal, accessKeyId, payload, signedHeaders: [], presigned };
}

function tokenOf({ headers, query }: RequestHead): string | undefined {
  const inQuery = query.find(({ name }) => name.toLowerCase() === "x-amz-security-token");
  return headers.get("x-amz-security-token") ?? inQuery?.value;
}

function valueOf(query: readonly QueryParameter[], name: string): string | undefined {
  return query.find((each) => each.name === name)?.value;
}

function malformed(value: string): AuthRefusal {
  const message = "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature";
  return { refusal: "authorization_unsupported", message, value };
}

/** Where Signature V2 is turned off. */
export const onlyVersion4: AuthRefusal = {
  refusal: "signature_version",
  message:
    "The authorization mechanism you have provided is not supported. " +
    `Please use ${signatureAlgorithm}.`,
};
