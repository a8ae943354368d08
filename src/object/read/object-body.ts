import { blockBytes } from "../../format/limits.ts";
import { type ChunkFinder, findChunks } from "./chunk-finder.ts";
import { followingMoves } from "./moved-rows.ts";
import type { ObjectStore } from "../object-store.ts";
import { beginBody, readBody, type StoredSpan } from "./read-body.ts";
import { inPhase } from "../request-phases.ts";
import type { Span } from "./ranges.ts";
import type { Version } from "../../rows/versions.ts";

/** The client that asked for the bytes; the signal aborts when it has left. */
export interface Peer {
  readonly signal: AbortSignal;
}

/** @limit An answer of up to a block is one value; what is larger is read piece by piece. */
const valueBytesMax = blockBytes;

/**
 * Verified bytes (C4) of a version of an object. Nothing is read or held before the first pull, or
 * `begin`. Ends with a throw if a chunk can't be had.
 */
export class ObjectBody implements AsyncIterable<Uint8Array> {
  readonly #store: ObjectStore;
  readonly #stored: StoredSpan;
  readonly #peer: Peer | undefined;

  constructor(store: ObjectStore, stored: StoredSpan, peer: Peer | undefined) {
    this.#store = store;
    this.#stored = stored;
    this.#peer = peer;
  }

  /** Each piece lasts until the next is asked for: its memory is used again. */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    return readBody(this.#store, this.#stored, this.#peer?.signal);
  }

  /**
   * Instead of iterating: reads and verifies a small answer whole, and of a large one the first
   * piece, so that where that fails nothing has been sent yet. What is in memory is answered
   * without a promise. A large one has to be iterated then: the budget has to know when it has
   * left.
   */
  begin(): Uint8Array | Promise<Uint8Array | AsyncIterable<Uint8Array>> {
    const { target, version, span } = this.#stored;
    if (span.end - span.first > valueBytesMax) {
      return beginBody(this.#store, this.#stored, this.#peer?.signal);
    }
    const read = (current: Version) => this.#readValue(current);
    const answer = followingMoves(this.#store, target, version, read);
    if (!(answer instanceof Promise)) return answer;
    return inPhase(this.#store.phases, "read", () => answer);
  }

  #readValue({ row }: Version): Uint8Array | Promise<Uint8Array> {
    const { target, span } = this.#stored;
    const { first, end } = span;
    if (first === end) return new Uint8Array(0);
    const chunks = findChunks(this.#store, target, row);
    const chunk = chunks.find(first);
    if (!(chunk instanceof Promise) && end <= chunk.end) return chunk.read(first, end);
    return gather(chunks, span);
  }
}

/** A small span that lies in several chunks, or below a manifest. */
async function gather(chunks: ChunkFinder, { first, end }: Span): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - first);
  for (let at = first; at < end;) {
    const chunk = await chunks.find(at);
    const until = Math.min(chunk.end, end);
    bytes.set(await chunk.read(at, until), at - first);
    at = until;
  }
  return bytes;
}
