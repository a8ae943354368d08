/** The encoder of `aws-chunked` bodies; aws-chunked.ts, the decoder, describes the framing. */
import type { Hash } from "../../platform/hash.ts";
import { trailerSignatureHeader } from "../aws-chunked.ts";
import { wireBytes } from "../canonical-request.ts";
import { frameStringToSign, trailerStringToSign } from "../signature-v4.ts";
import type { FrameSigning } from "../signature-v4.ts";

export interface FrameEncoding {
  /** The values that `signRequest` returned; undefined for frames without signatures. */
  readonly signing: FrameSigning | undefined;
  /** Asked for once the last byte went by; undefined where the request announced no trailer. */
  readonly trailers?: (() => ReadonlyMap<string, string>) | undefined;
}

/**
 * Each piece becomes one frame; signed ones, but the last, need at least 8,192 bytes. Empty pieces
 * are left out.
 */
export async function* encodeFrames(
  hash: Hash,
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { signing, trailers }: FrameEncoding,
): AsyncGenerator<Uint8Array> {
  let previousSignature = signing?.seedSignature ?? "";
  const frameLine = (bytes: Uint8Array): Uint8Array => {
    const size = bytes.length.toString(16);
    if (signing === undefined) return wireBytes(`${size}\r\n`);
    const sha256 = hash.digest("sha256", bytes);
    const stringToSign = frameStringToSign(signing, { previousSignature, sha256 });
    previousSignature = hash.hmacSha256Text(signing.key, stringToSign);
    return wireBytes(`${size};chunk-signature=${previousSignature}\r\n`);
  };
  for await (const piece of body) {
    if (piece.length === 0) continue;
    yield frameLine(piece);
    yield piece;
    yield wireBytes("\r\n");
  }
  yield frameLine(new Uint8Array(0));
  yield wireBytes(`${trailerLines(hash, { signing, trailers, previousSignature })}\r\n`);
}

function trailerLines(
  hash: Hash,
  options: FrameEncoding & { readonly previousSignature: string },
): string {
  const { signing, previousSignature } = options;
  if (options.trailers === undefined) return "";
  const trailers = options.trailers();
  const lines = [...trailers].map(([name, value]) => `${name}:${value}\r\n`);
  if (signing !== undefined) {
    const stringToSign = trailerStringToSign(hash, signing, { previousSignature, trailers });
    const signature = hash.hmacSha256Text(signing.key, stringToSign);
    lines.push(`${trailerSignatureHeader}:${signature}\r\n`);
  }
  return lines.join("");
}
