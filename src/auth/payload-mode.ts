import type { HeaderList } from "../platform/http.ts";
import type { ChunkSigning } from "./signature-v4.ts";

/** How the body is protected and framed: what `decodePayload` needs to know. */
export type PayloadMode =
  /** The bytes as they come; nothing vouches for them (UNSIGNED-PAYLOAD, presigned, anonymous). */
  | { readonly kind: "unsigned" }
  /** The bytes as they come; their SHA-256 was signed. */
  | { readonly kind: "signed"; readonly sha256: Uint8Array }
  | ChunkedPayload;

/** `aws-chunked` framing: chunks with or without a signature each, then perhaps trailing headers. */
export interface ChunkedPayload {
  readonly kind: "chunked";
  /** Undefined where the chunks carry no signatures. */
  readonly signing: ChunkSigning | undefined;
  /** Whether trailing headers follow the last chunk. */
  readonly trailer: boolean;
  /** Payload bytes, as `x-amz-decoded-content-length` states them: the decoder insists on exactly so many. */
  readonly decodedBytes: number;
}

/** What `x-amz-content-sha256` and `x-amz-decoded-content-length` say, before anything was verified. */
export type DeclaredPayload =
  | { readonly kind: "absent" }
  | { readonly kind: "unsigned" }
  | { readonly kind: "signed"; readonly sha256: Uint8Array }
  | {
      readonly kind: "chunked";
      readonly signed: boolean;
      readonly trailer: boolean;
      readonly decodedBytes: number;
    }
  | { readonly kind: "invalid"; readonly reason: PayloadRefusal };

/**
 * - `unknown_content_sha256`: neither a digest nor one of S3's names.
 * - `ecdsa`: Signature V4A, which this store does not speak.
 * - `missing_decoded_length`: chunked, without `x-amz-decoded-content-length`.
 * - `invalid_decoded_length`: that header is not a number of bytes.
 */
export type PayloadRefusal =
  | "unknown_content_sha256"
  | "ecdsa"
  | "missing_decoded_length"
  | "invalid_decoded_length";

export declare function declaredPayload(headers: HeaderList): DeclaredPayload;
