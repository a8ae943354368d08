import type { AuthRefusal } from "./auth-refusal.ts";
import { fromHex } from "../base/bytes.ts";
import type { PieceDecoder } from "../platform/piece-decoder.ts";
import { type FrameSigning, signatureAlgorithm, unsignedPayload } from "./signature-v4.ts";

export const contentSha256Header = "x-amz-content-sha256";
export const decodedLengthHeader = "x-amz-decoded-content-length";

/** How the body is protected and framed: what decoding it needs to know. */
export type PayloadMode =
  /** The bytes as they come; nothing vouches for them (UNSIGNED-PAYLOAD, presigned, anonymous). */
  { readonly kind: "unsigned" } | SignedPayload | FramedPayload;

/** The bytes as they come; `x-amz-content-sha256` says what their SHA-256 is. */
export interface SignedPayload {
  readonly kind: "signed";
  /** The header's value as the client sent it. */
  readonly declared: string;
  /** Undefined where what was sent is no digest, so that no body can be the right one. */
  readonly sha256: Uint8Array | undefined;
}

/**
 * `aws-chunked` framing: frames with or without a signature each, then perhaps trailing headers.
 */
export interface FramedPayload {
  readonly kind: "framed";
  /** Undefined where the frames carry no signatures. */
  readonly signing: FrameSigning | undefined;
  /** True if trailing headers follow the last frame. */
  readonly trailer: boolean;
  /**
   * Payload bytes, as `x-amz-decoded-content-length` states them: the decoder insists on exactly so
   * many.
   */
  readonly decodedBytes: number;
}

/**
 * The declaration in `x-amz-content-sha256` and `x-amz-decoded-content-length`, not verified yet.
 */
export type DeclaredPayload =
  | { readonly kind: "unsigned" }
  | SignedPayload
  | {
      readonly kind: "framed";
      readonly signed: boolean;
      readonly trailer: boolean;
      readonly decodedBytes: number;
    };

/** S3's names for bodies in frames; the signer writes what the verifier reads. */
export const framedPayloads = {
  signed: `STREAMING-${signatureAlgorithm}-PAYLOAD`,
  signedWithTrailer: `STREAMING-${signatureAlgorithm}-PAYLOAD-TRAILER`,
  unsignedWithTrailer: "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
} as const;

/**
 * @param signing what chained signatures of frames are computed from, where a key of Signature V4
 * is at hand.
 */
export function payloadMode(
  declared: DeclaredPayload,
  signing: FrameSigning | undefined,
): PayloadMode {
  if (declared.kind !== "framed") return declared;
  const { trailer, decodedBytes } = declared;
  return { kind: "framed", signing: declared.signed ? signing : undefined, trailer, decodedBytes };
}

/**
 * @limit The most a request may state: S3's largest object is 5 TiB in parts of at most 5 GiB; far
 * below 2^53.
 */
const decodedBytesMax = 50 * 2 ** 40;

/** @param decodedLength the value of `x-amz-decoded-content-length`, if it was sent. */
export function declaredPayload(
  contentSha256: string,
  decodedLength: string | undefined,
): DeclaredPayload | AuthRefusal {
  switch (contentSha256) {
    case unsignedPayload:
      return { kind: "unsigned" };
    case framedPayloads.signed:
      return framed({ signed: true, trailer: false }, decodedLength);
    case framedPayloads.signedWithTrailer:
      return framed({ signed: true, trailer: true }, decodedLength);
    case framedPayloads.unsignedWithTrailer:
      return framed({ signed: false, trailer: true }, decodedLength);
    default:
      return digest(contentSha256);
  }
}

function framed(
  framing: { readonly signed: boolean; readonly trailer: boolean },
  decodedLength: string | undefined,
): DeclaredPayload | AuthRefusal {
  const decodedBytes = byteCount(decodedLength);
  if (decodedLength === undefined || decodedBytes === undefined) {
    return { refusal: "decoded_length_missing" };
  }
  if (decodedBytes > decodedBytesMax) {
    return { refusal: "decoded_length_invalid", value: decodedLength };
  }
  return { kind: "framed", ...framing, decodedBytes };
}

function byteCount(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/**
 * Reads the same two headers of a request with a presigned URL or Signature V2: its body is read as
 * it comes, whatever they say. The first can only be its digest; a name that means frames is one
 * that no body has.
 */
export function declaredRawPayload(
  contentSha256: string | undefined,
  decodedLength: string | undefined,
): { readonly kind: "unsigned" } | SignedPayload | AuthRefusal {
  if (contentSha256 === undefined || contentSha256 === unsignedPayload) return { kind: "unsigned" };
  if (contentSha256.startsWith("STREAMING-") && byteCount(decodedLength) === undefined) {
    return { refusal: "decoded_length_missing" };
  }
  const sha256 = fromHex(contentSha256);
  const isDigest = sha256?.length === 32;
  return { kind: "signed", declared: contentSha256, sha256: isDigest ? sha256 : undefined };
}

function digest(contentSha256: string): DeclaredPayload | AuthRefusal {
  if (contentSha256.startsWith("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")) {
    const message = `${contentSha256} is not supported; use ${framedPayloads.signed}.`;
    return { refusal: "signature_unsupported", message };
  }
  const sha256 = fromHex(contentSha256);
  if (sha256?.length !== 32) return { refusal: "content_sha256_invalid", value: contentSha256 };
  return { kind: "signed", declared: contentSha256, sha256 };
}

/** Takes the payload out of a body as sent. */
export interface PayloadDecoder extends PieceDecoder {
  /** Trailing headers, names in lower case; complete once the body has ended. */
  readonly trailers: ReadonlyMap<string, string>;
}
