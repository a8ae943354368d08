import { concatBytes, equalBytes, toHex } from "../base/bytes.ts";
import type { Hash } from "../platform/hash.ts";
import { AwsChunkedDecoder } from "./aws-chunked.ts";
import { type PayloadDecoder, type PayloadMode, type SignedPayload } from "./payload.ts";
import { BodyFault } from "../platform/body-fault.ts";

const noTrailers: ReadonlyMap<string, string> = new Map();

/** A decoder of bodies in that mode, which holds nothing of what was pushed. */
export function createDecoder(hash: Hash, mode: PayloadMode): PayloadDecoder {
  switch (mode.kind) {
    case "unsigned":
      return plainDecoder;
    case "signed":
      return sha256Decoder(hash, mode);
    case "framed":
      return new AwsChunkedDecoder(hash, mode);
  }
}

/**
 * The payload of a whole body in memory, which is one view of it where the payload is all in one
 * place.
 */
export function decodeWhole(decoder: PayloadDecoder, body: Uint8Array): Uint8Array {
  const spans = decoder.push(body);
  decoder.end();
  return concatBytes(spans);
}

/**
 * The payload of a body that is pulled; its end comes only once all of it was found to be right.
 */
export async function* decodePieces(
  decoder: PayloadDecoder,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  for await (const piece of body) {
    yield* decoder.push(piece);
    if (decoder.isPastEnd) return;
  }
  decoder.end();
}

/** The bytes are the payload. */
const plainDecoder: PayloadDecoder = {
  push: (piece) => [piece],
  end: () => undefined,
  isPastEnd: false,
  trailers: noTrailers,
};

function sha256Decoder(hash: Hash, payload: SignedPayload): PayloadDecoder {
  const hasher = hash.create("sha256");
  return {
    push(piece) {
      hasher.update(piece);
      return [piece];
    },
    end: () => checkSha256(payload, hasher.digest()),
    isPastEnd: false,
    trailers: noTrailers,
  };
}

/** BodyFault `sha256_mismatch`, where a body is not the one that was declared. */
export function checkSha256({ sha256, declared }: SignedPayload, computed: Uint8Array): void {
  if (sha256 !== undefined && equalBytes(computed, sha256)) return;
  throw new BodyFault("sha256_mismatch", "the body is not the one that was signed", {
    kind: "sha256",
    declared,
    computed: toHex(computed),
  });
}
