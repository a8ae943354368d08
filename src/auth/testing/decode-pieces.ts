import type { PieceDecoder } from "../../platform/piece-decoder.ts";

/**
 * The payload of a body that is pulled; its end comes only once all of it was found to be right.
 */
export async function* decodePieces(
  decoder: PieceDecoder,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  for await (const piece of body) {
    yield* decoder.push(piece);
    if (decoder.isPastEnd) return;
  }
  decoder.end();
}
