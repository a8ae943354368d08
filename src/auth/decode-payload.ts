import { concatBytes, equalBytes, toHex } from "../base/bytes.ts";
import type { Hash } from "../platform/hash.ts";
import { AwsChunkedDecoder } from "./aws-chunked.ts";
import { type PayloadDecoder, type PayloadMode, type SignedPayload } from "./payload.ts";
import { BodyFault } from "../platform/body-fault.ts";
import { plainPieces } from "../platform/piece-decoder.ts";

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

/** The bytes are the payload. */
const plainDecoder: PayloadDecoder = { ...plainPieces, trailers: noTrailers };

function sha256Decoder(hash: Hash, payload: SignedPayload): PayloadDecoder {
  const hasher = hash.create("sha256");
  return {
    ...plainDecoder,
    push(piece) {
      hasher.update(piece);
      return [piece];
    },
    end: () => checkSha256(payload, hasher.digest()),
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
