/**
 * A fault in a body. It is thrown while the body is read, because the bytes before it were already
 * handed on. s3/errors.ts has S3's words.
 *
 * - `signature_mismatch`: a frame's or the trailer's signature is wrong (SignatureDoesNotMatch).
 * - `sha256_mismatch`: the body is not the one whose digest was signed (XAmzContentSHA256Mismatch).
 * - `incomplete`: it ended within what was begun (IncompleteBody).
 * - `framing`: not aws-chunked, a line too long (IncompleteBody, too: S3 tells no difference).
 * - `length`: more or fewer bytes than declared (IncompleteBody, with both counts).
 * - `frame_size`: a signed frame that is not the last is below S3's minimum
 *   (InvalidChunkSizeError).
 * - `trailer`: trailing headers missing where promised, too long, or malformed
 *   (MalformedTrailerError).
 */
export type BodyFaultCode =
  | "signature_mismatch"
  | "sha256_mismatch"
  | "incomplete"
  | "framing"
  | "length"
  | "frame_size"
  | "trailer";

export type BodyFaultQuote =
  | { readonly kind: "sha256"; readonly declared: string; readonly computed: string }
  /** The text that should have been signed, and the signature that was sent. */
  | { readonly kind: "signature"; readonly stringToSign: string; readonly provided: string }
  | { readonly kind: "length"; readonly expected: number; readonly provided: number }
  | { readonly kind: "frame"; readonly number: number; readonly bytes: number };

export class BodyFault extends Error {
  override readonly name = "BodyFault";
  readonly code: BodyFaultCode;
  /** The values that S3's answer quotes; digests in hexadecimal, lengths in bytes. */
  readonly quoted: BodyFaultQuote | undefined;

  constructor(code: BodyFaultCode, message: string, quoted?: BodyFaultQuote) {
    super(message);
    this.code = code;
    this.quoted = quoted;
  }
}
