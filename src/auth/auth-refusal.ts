import type { RefusalOf } from "../base/refusal.ts";

/**
 * Why a request's signature is not accepted, with what S3's answer repeats of it. s3/errors.ts has
 * S3's names and words.
 */
export type AuthRefusal =
  | MalformedRefusal
  | SignatureRefusal
  | TimeRefusal
  | HeadersRefusal
  | FormRefusal
  | PayloadHeaderRefusal;

type MalformedRefusal =
  /** `Authorization`, or the query of a presigned URL, can't be used. */
  | (RefusalOf<"authorization_header_malformed" | "authorization_query_malformed"> & {
      readonly message: string;
      /** The right one, where only the region is wrong. */
      readonly region?: string | undefined;
    })
  /** Several mechanisms at once, or one that S3 never had (InvalidArgument). */
  | (RefusalOf<"authorization_unsupported"> & {
      readonly message: string;
      /** The header, as sent. */
      readonly value: string;
    })
  /** The query of a URL that was presigned by Signature V2 can't be used (AccessDenied). */
  | (RefusalOf<"query_unusable"> & { readonly message: string })
  /** Signature V2 where it is turned off (InvalidRequest, naming V4). */
  | (RefusalOf<"signature_version"> & { readonly message: string })
  /** A form of V4 that this store does not speak, such as ECDSA (NotImplemented). */
  | (RefusalOf<"signature_unsupported"> & { readonly message: string });

type SignatureRefusal =
  | (RefusalOf<"access_key_unknown"> & { readonly accessKeyId: string })
  /** A session token, which this store never issued. */
  | (RefusalOf<"token_invalid"> & { readonly token: string })
  | (RefusalOf<"signature_mismatch"> & {
      readonly accessKeyId: string;
      readonly signatureProvided: string;
      readonly stringToSign: string;
      /** Undefined where something else was signed: a form's policy. */
      readonly canonicalRequest: string | undefined;
    });

type TimeRefusal =
  /** `x-amz-date` and `date` are missing or can't be read (AccessDenied). */
  | (RefusalOf<"date_missing"> & { readonly message: string })
  | (RefusalOf<"time_skewed"> & {
      /** The time as the client sent it. */
      readonly requestTime: string;
      readonly serverTimeMs: number;
      readonly skewMsMax: number;
    })
  | (RefusalOf<"presign_expired"> & {
      readonly expiresAtMs: number;
      /** Time from signing to expiry; undefined where only the expiry was signed. */
      readonly expiresSeconds: number | undefined;
      readonly serverTimeMs: number;
    })
  /** Signed for a moment in the future (AccessDenied "Request is not valid yet"). */
  | (RefusalOf<"presign_early"> & { readonly startsAtMs: number; readonly serverTimeMs: number });

type HeadersRefusal =
  /** These were sent, but not signed (AccessDenied). */
  | (RefusalOf<"headers_not_signed"> & { readonly headers: readonly string[] })
  /** InvalidRequest "Missing required header for this request: x-amz-content-sha256". */
  | RefusalOf<"content_sha256_missing">;

type FormRefusal =
  /** A signed form lacks one of the fields that sign it (InvalidArgument). */
  | (RefusalOf<"form_field_missing"> & { readonly field: string })
  /** A field that signs a form can't be used (InvalidArgument). */
  | (RefusalOf<"form_field_invalid"> & {
      readonly field: string;
      readonly value: string;
      readonly message: string;
      /** The right one, where only the region is wrong. */
      readonly region?: string | undefined;
    });

type PayloadHeaderRefusal =
  /** Neither a digest nor one of S3's names. */
  | (RefusalOf<"content_sha256_invalid"> & { readonly value: string })
  /** Frames signed by Signature V4A, which this store does not speak. */
  | (RefusalOf<"signature_unsupported"> & { readonly message: string })
  | RefusalOf<"decoded_length_missing">
  | (RefusalOf<"decoded_length_invalid"> & { readonly value: string });
