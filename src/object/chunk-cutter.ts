import { assert } from "../base/assert.ts";
import { noBytes } from "../base/bytes.ts";
import { chunkBytesMax } from "../format/limits.ts";

/**
 * The first buffer for a chunk; it doubles from there, so a slow sender of little holds little
 * (C6).
 */
const firstBufferBytes = 256 * 1024;

/**
 * Cuts a body's pieces, however they arrive, into chunks of `chunkBytesMax` and a last one. A piece
 * that holds a whole chunk is handed on without copying, and so is a small body that comes in one
 * piece and was announced.
 */
export class ChunkCutter {
  /** Bytes of the body from the chunk being filled on, where that was announced. */
  #expected: number;
  #buffer: Uint8Array = noBytes;
  #filled = 0;
  readonly #piecesLast: boolean;

  /** Never push more than `sizeBytes` in all. Pieces that do not last are copied in any case. */
  constructor(sizeBytes: number | undefined, piecesLast = true) {
    this.#piecesLast = piecesLast;
    this.#expected = sizeBytes ?? Infinity;
  }

  /** Of the chunk being filled. */
  get filledBytes(): number {
    return this.#filled;
  }

  /** What it may come to. */
  get chunkBytes(): number {
    return Math.min(chunkBytesMax, this.#expected);
  }

  /** The full chunks that are complete with this piece. */
  *push(piece: Uint8Array): Generator<Uint8Array, void, undefined> {
    let rest = piece;
    while (rest.length > 0) {
      const { chunkBytes } = this;
      assert(this.#filled < chunkBytes, "more bytes than announced");
      const count = Math.min(rest.length, chunkBytes - this.#filled);
      const bytes = rest.subarray(0, count);
      if (count < chunkBytes || !this.#piecesLast) this.#append(bytes, chunkBytes);
      else this.#buffer = bytes;
      this.#filled += count;
      rest = rest.subarray(count);
      if (this.#filled === chunkBytesMax) yield this.finish();
    }
  }

  /** What is left: the last chunk, perhaps empty. */
  finish(): Uint8Array {
    const chunk = this.#buffer.subarray(0, this.#filled);
    this.#expected -= this.#filled;
    this.#buffer = noBytes;
    this.#filled = 0;
    return chunk;
  }

  #append(bytes: Uint8Array, chunkBytes: number): void {
    const needed = this.#filled + bytes.length;
    if (needed > this.#buffer.length) {
      const wanted = Math.max(needed, 2 * this.#buffer.length, firstBufferBytes);
      const larger = new Uint8Array(Math.min(wanted, chunkBytes));
      larger.set(this.#buffer.subarray(0, this.#filled));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#filled);
  }
}
