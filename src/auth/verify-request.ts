import type { Clock } from "../platform/clock.ts";
import type { Hash } from "../platform/hash.ts";
import type { HeaderList } from "../platform/http.ts";
import type { Principal } from "./authorize.ts";
import type { Credentials } from "./credentials.ts";
import type { PayloadMode } from "./payload-mode.ts";

/** Who sent this request, and how its body is protected. Made once per process. */
export interface RequestVerifier {
  verify(request: SignedRequest): Promise<Verified | AuthFailure>;
}

export interface RequestVerifierParts {
  readonly hash: Hash;
  readonly clock: Clock;
  readonly credentials: Credentials;
  readonly region: string;
}

/** The part of a request that a signature covers; an `HttpRequest` is one. */
export interface SignedRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: HeaderList;
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

/** A refusal, with what S3's answer to it tells the client. s3/errors.ts has the words. */
export type AuthFailure = { readonly kind: "refused" } & (
  | {
      /** `Authorization` can't be used; `region` where only the region is wrong. */
      readonly code: "authorization_header_malformed";
      readonly message: string;
      readonly region?: string | undefined;
    }
  | {
      /** The same for the query of a presigned URL. */
      readonly code: "authorization_query_malformed";
      readonly message: string;
      readonly region?: string | undefined;
    }
  /** S3: InvalidArgument about `Authorization`: several mechanisms at once, or one S3 never had. */
  | { readonly code: "authorization_unsupported"; readonly message: string }
  /** Signature V2 (in the header or query): S3's InvalidRequest, naming AWS4-HMAC-SHA256. */
  | { readonly code: "signature_version"; readonly message: string }
  | { readonly code: "access_key_unknown"; readonly accessKeyId: string }
  /** A session token, which this store never issued. */
  | { readonly code: "token_invalid"; readonly token: string }
  | {
      readonly code: "signature_mismatch";
      readonly accessKeyId: string;
      readonly signatureProvided: string;
      readonly stringToSign: string;
      readonly canonicalRequest: string;
    }
  /** S3: AccessDenied; `x-amz-date` and `date` are missing or can't be read. */
  | { readonly code: "date_missing"; readonly message: string }
  | {
      readonly code: "time_skewed";
      /** As sent: 20130524T000000Z. */
      readonly requestTime: string;
      readonly serverTimeMs: number;
      readonly skewMsMax: number;
    }
  | {
      readonly code: "presign_expired";
      readonly expiresAtMs: number;
      readonly expiresSeconds: number;
      readonly serverTimeMs: number;
    }
  /** S3: AccessDenied "Request is not valid yet"; signed for a moment in the future. */
  | { readonly code: "presign_early"; readonly startsAtMs: number; readonly serverTimeMs: number }
  /** S3: AccessDenied; these `x-amz-*` headers were sent but not signed. */
  | { readonly code: "headers_not_signed"; readonly headers: readonly string[] }
  /** S3: InvalidRequest "Missing required header for this request: x-amz-content-sha256". */
  | { readonly code: "content_sha256_missing" }
  /** S3: InvalidArgument about `x-amz-content-sha256`. */
  | { readonly code: "content_sha256_invalid"; readonly value: string }
  /** S3: MissingContentLength: a chunked body needs `x-amz-decoded-content-length`. */
  | { readonly code: "decoded_length_missing" }
  /** S3: InvalidArgument about `x-amz-decoded-content-length`. */
  | { readonly code: "decoded_length_invalid"; readonly value: string }
  /** S3: NotImplemented: a form of signature this store does not speak (ECDSA). */
  | { readonly code: "signature_unsupported"; readonly message: string }
);

export declare function createRequestVerifier(parts: RequestVerifierParts): RequestVerifier;
