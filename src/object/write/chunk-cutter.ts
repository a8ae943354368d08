import { assert } from "../../base/assert.ts";
import type { BufferPool } from "../../base/buffer-pool.ts";
import { noBytes } from "../../base/bytes.ts";
import { chunkBytesMax } from "../../format/limits.ts";

/** The first buffer for a chunk: a slow sender of little holds little (C6). */
const firstBufferBytes = 64 * 1024;
/** A chunk that is announced to be smaller gets new memory, no more than it needs. */
const roomyChunkBytesMin = 256 * 1024;

/** A chunk cut from a body. */
export interface CutChunk {
  readonly bytes: Uint8Array;
  /** The pool's buffer that they lie in, if any: to be given back when they are no longer needed. */
  readonly room: Uint8Array | undefined;
}

/**
 * Cuts a body's pieces, however they arrive, into chunks of `chunkBytesMax` and a last one. A piece that is a
 * whole chunk is handed on without copying: so is a small body that comes in one piece and was announced.
 */
export class ChunkCutter {
  readonly #rooms: BufferPool;
  readonly #piecesLast: boolean;
  /** Bytes of the body from the chunk being filled on, where that was announced. */
  #expected: number;
  #buffer: Uint8Array = noBytes;
  #room: Uint8Array | undefined;
  #filled = 0;

  constructor(options: {
    /** Of `chunkBytesMax`. */
    readonly rooms: BufferPool;
    /** Never push more than that in all. */
    readonly sizeBytes: number | undefined;
    /** False: pieces are copied in any case. */
    readonly piecesLast: boolean;
  }) {
    this.#rooms = options.rooms;
    this.#piecesLast = options.piecesLast;
    this.#expected = options.sizeBytes ?? Infinity;
  }

  /** Of the chunk being filled. */
  get filledBytes(): number {
    return this.#filled;
  }

  /** What it may come to. */
  get chunkBytes(): number {
    return Math.min(chunkBytesMax, this.#expected);
  }

  /** The chunk so far, from a place in it: those bytes stay as they are. */
  filledFrom(start: number): Uint8Array {
    return this.#buffer.subarray(start, this.#filled);
  }

  /** No longer piece than what the chunk still takes. */
  push(piece: Uint8Array): "copied" | "kept" {
    const { chunkBytes } = this;
    assert(this.#filled + piece.length <= chunkBytes, "more bytes than the chunk takes");
    const isKept = piece.length === chunkBytes && this.#piecesLast;
    if (isKept) this.#buffer = piece;
    else this.#copy(piece, chunkBytes);
    this.#filled += piece.length;
    return isKept ? "kept" : "copied";
  }

  /** What is there of the chunk, perhaps nothing; the next piece begins another. */
  finish(): CutChunk {
    const chunk = { bytes: this.filledFrom(0), room: this.#room };
    this.#expected -= this.#filled;
    this.#buffer = noBytes;
    this.#room = undefined;
    this.#filled = 0;
    return chunk;
  }

  #copy(bytes: Uint8Array, chunkBytes: number): void {
    const needed = this.#filled + bytes.length;
    if (needed > this.#buffer.length) {
      const larger = this.#largerBuffer(needed, chunkBytes);
      larger.set(this.filledFrom(0));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#filled);
  }

  #largerBuffer(needed: number, chunkBytes: number): Uint8Array {
    if (needed <= firstBufferBytes) return new Uint8Array(Math.min(firstBufferBytes, chunkBytes));
    if (chunkBytes < roomyChunkBytesMin) return new Uint8Array(chunkBytes);
    this.#room = this.#rooms.take();
    return this.#room;
  }
}
