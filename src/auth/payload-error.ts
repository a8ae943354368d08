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

export class PayloadError extends Error {
  override readonly name = "PayloadError";
  readonly code: PayloadErrorCode;
  /** For `sha256_mismatch`: what S3's answer quotes, in hexadecimal. */
  readonly sha256: { readonly declared: string; readonly computed: string } | undefined;

  constructor(
    code: PayloadErrorCode,
    message: string,
    sha256?: { readonly declared: string; readonly computed: string },
  ) {
    super(message);
    this.code = code;
    this.sha256 = sha256;
  }
}
