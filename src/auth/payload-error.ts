/**
 * What is wrong with a body; thrown from the iteration, since the bytes before it were already handed on.
 * s3/errors.ts has S3's words.
 *
 * - `signature_mismatch`: a chunk's or the trailer's signature is wrong (SignatureDoesNotMatch).
 * - `sha256_mismatch`: the body is not the one whose digest was signed (XAmzContentSHA256Mismatch).
 * - `incomplete`: it ended before what was declared (IncompleteBody).
 * - `framing`: not aws-chunked, a line too long, more bytes than declared (InvalidRequest).
 * - `chunk_size`: a signed chunk that is not the last is below S3's minimum (InvalidChunkSizeError).
 * - `trailer`: trailing headers missing where promised, too long, or malformed (MalformedTrailerError).
 */
export type PayloadErrorCode =
  | "signature_mismatch"
  | "sha256_mismatch"
  | "incomplete"
  | "framing"
  | "chunk_size"
  | "trailer";

/** What S3's answer quotes. */
interface QuotedByS3 {
  /** For `sha256_mismatch`, in hexadecimal. */
  readonly sha256?: { readonly declared: string; readonly computed: string };
  /** For `signature_mismatch`: what should have been signed, and the signature that came. */
  readonly signature?: { readonly stringToSign: string; readonly provided: string };
}

export class PayloadError extends Error {
  override readonly name = "PayloadError";
  readonly code: PayloadErrorCode;
  readonly quoted: QuotedByS3;

  constructor(code: PayloadErrorCode, message: string, quoted: QuotedByS3 = {}) {
    super(message);
    this.code = code;
    this.quoted = quoted;
  }
}
