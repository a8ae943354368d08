/**
 * What is wrong with a body; thrown from the iteration, since the bytes before it were already handed on.
 * s3/errors.ts has S3's words.
 *
 * - `signature_mismatch`: a chunk's or the trailer's signature is wrong (SignatureDoesNotMatch).
 * - `sha256_mismatch`: the body is not the one whose digest was signed (XAmzContentSHA256Mismatch).
 * - `incomplete`: it ended within what was begun (IncompleteBody).
 * - `framing`: not aws-chunked, a line too long (IncompleteBody, too: S3 tells no difference).
 * - `length`: more or fewer bytes than declared (IncompleteBody, with both counts).
 * - `chunk_size`: a signed chunk that is not the last is below S3's minimum (InvalidChunkSizeError).
 * - `trailer`: trailing headers missing where promised, too long, or malformed (MalformedTrailerError).
 */
export type PayloadErrorCode =
  | "signature_mismatch"
  | "sha256_mismatch"
  | "incomplete"
  | "framing"
  | "length"
  | "chunk_size"
  | "trailer";

export type PayloadQuote =
  | { readonly kind: "sha256"; readonly declared: string; readonly computed: string }
  /** What should have been signed, and the signature that came. */
  | { readonly kind: "signature"; readonly stringToSign: string; readonly provided: string }
  | { readonly kind: "length"; readonly expected: number; readonly provided: number }
  | { readonly kind: "chunk"; readonly number: number; readonly bytes: number };

export class PayloadError extends Error {
  override readonly name = "PayloadError";
  readonly code: PayloadErrorCode;
  /** What S3's answer quotes; digests in hexadecimal, lengths in bytes. */
  readonly quoted: PayloadQuote | undefined;

  constructor(code: PayloadErrorCode, message: string, quoted?: PayloadQuote) {
    super(message);
    this.code = code;
    this.quoted = quoted;
  }
}
