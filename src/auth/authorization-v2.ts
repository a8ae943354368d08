/** Credentials of Signature V2 that a request carries: parsed and in time, not yet believed. */
import type { HeaderList } from "../platform/http.ts";
import type { AuthFailure } from "./auth-failure.ts";
import type { QueryParameter, SignedRequest } from "./canonical-request.ts";
import { headerValue } from "./canonical-request.ts";
import { requestTimeOf, skewOf } from "./request-time.ts";
import { signatureAlgorithm } from "./signature-v4.ts";
import { textsToSignV2 } from "./signature-v2.ts";
import { bucketOfHost } from "./virtual-host.ts";

export interface V2Claim {
  readonly accessKeyId: string;
  readonly signature: string;
  /** Any of them may be what was signed. */
  readonly textsToSign: readonly string[];
  readonly token: string | undefined;
  readonly presigned: boolean;
}

export interface V2Context {
  readonly serverTimeMs: number;
  readonly domains: readonly string[];
}

/** `Authorization: AWS <id>:<signature>` */
export function headerClaimV2(
  request: SignedRequest,
  authorization: string,
  { serverTimeMs, domains }: V2Context,
): V2Claim | AuthFailure {
  const { headers } = request;
  const match = /^AWS +([^: ]+):([^: ]+) *$/.exec(authorization);
  const [, accessKeyId, signature] = match ?? [];
  if (accessKeyId === undefined || signature === undefined) return malformed(authorization);
  const time = requestTimeOf(headers);
  if ("kind" in time) return time;
  const skew = skewOf(time, serverTimeMs);
  if (skew !== undefined) return skew;
  const date = headerValue(headers, "x-amz-date") === undefined ? time.text : "";
  const bucket = bucketOfHost(headerValue(headers, "host"), domains);
  const textsToSign = textsToSignV2(request, { date, bucket });
  const token = headerValue(headers, "x-amz-security-token");
  return { accessKeyId, signature, textsToSign, token, presigned: false };
}

const queryNames = ["AWSAccessKeyId", "Expires", "Signature"] as const;

export function isPresignedV2(query: readonly QueryParameter[]): boolean {
  return query.some(([name]) => name === "AWSAccessKeyId" || name === "Signature");
}

/** S3 takes no time of expiry that a signed number of 32 bits does not hold. */
const expiresMax = 2 ** 31 - 1;

/** `?AWSAccessKeyId=…&Expires=…&Signature=…` */
export function presignedClaimV2(
  request: SignedRequest,
  query: readonly QueryParameter[],
  { serverTimeMs, domains }: V2Context,
): V2Claim | AuthFailure {
  const code = "query_unusable";
  const [accessKeyId, expires, signature] = queryNames.map((name) => valueOf(query, name));
  if (accessKeyId === undefined || expires === undefined || signature === undefined) {
    const message =
      "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters";
    return { kind: "refused", code, message };
  }
  if (!/^-?\d{1,15}$/.test(expires) || Number(expires) > expiresMax) {
    const message = `Invalid date (should be seconds since epoch): ${expires}`;
    return { kind: "refused", code, message };
  }
  const expiresAtMs = Number(expires) * 1000;
  if (serverTimeMs > expiresAtMs) {
    const code = "presign_expired";
    return { kind: "refused", code, expiresAtMs, expiresSeconds: undefined, serverTimeMs };
  }
  const bucket = bucketOfHost(headerValue(request.headers, "host"), domains);
  const textsToSign = textsToSignV2(request, { date: expires, bucket });
  const token = tokenOf(request.headers, query);
  return { accessKeyId, signature, textsToSign, token, presigned: true };
}

function tokenOf(headers: HeaderList, query: readonly QueryParameter[]): string | undefined {
  const inQuery = query.find(([name]) => name.toLowerCase() === "x-amz-security-token");
  return headerValue(headers, "x-amz-security-token") ?? inQuery?.[1];
}

function valueOf(query: readonly QueryParameter[], name: string): string | undefined {
  return query.find(([each]) => each === name)?.[1];
}

function malformed(value: string): AuthFailure {
  const message = "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature";
  return { kind: "refused", code: "authorization_unsupported", message, value };
}

/** Where Signature V2 is turned off. */
export const onlyVersion4: AuthFailure = {
  kind: "refused",
  code: "signature_version",
  message:
    "The authorization mechanism you have provided is not supported. " +
    `Please use ${signatureAlgorithm}.`,
};
