import { must } from "../../base/assert.ts";
import { StoreError } from "../../base/errors.ts";
import { isIn } from "../../extent/extent-reader.ts";
import { blockBytes } from "../../format/limits.ts";
import type { AnswerShare } from "./answer-budget.ts";
import { type Chunk, type ChunkFinder, findChunks } from "./chunk-finder.ts";
import { rowAfterMove } from "./moved-rows.ts";
import type { ObjectStore } from "../object-store.ts";
import type { Span } from "./ranges.ts";
import { inPhase } from "../request-phases.ts";
import type { Target } from "../target.ts";
import type { Version } from "../../rows/versions.ts";

/**
 * Verified bytes of an object (C4), pulled, with the next piece being read while one is sent. Each
 * piece lasts until the next is asked for: its memory is used again.
 * Nothing is held before the first pull; from then until the end (however it comes) the read is
 * known to the tracker, so what it needs is not dropped.
 */
export function readBody(
  store: ObjectStore,
  body: StoredSpan,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  return piecesOf(store, () => new PieceReader(store, body), signal);
}

/**
 * The same pieces, the first of which has been read already. They have to be iterated: the budget
 * has to know when they have left.
 */
export async function beginBody(
  store: ObjectStore,
  body: StoredSpan,
  signal: AbortSignal | undefined,
): Promise<AsyncGenerator<Uint8Array, void, undefined>> {
  const reader = new PieceReader(store, body);
  await reader.begin();
  return piecesOf(store, () => reader, signal);
}

async function* piecesOf(
  store: ObjectStore,
  open: () => PieceReader,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = open();
  try {
    for (let piece = await reader.next(); piece !== undefined; piece = await reader.next()) {
      const taken = reader.handOver(piece.held);
      try {
        if (signal?.aborted === true) throw new StoreError("cancelled", "the read was cancelled");
        yield piece.bytes;
        // Who asks for more is done with what they have. Who leaves may not be (a socket may still
        // send it): then its memory is left to be collected.
        if (piece.buffer !== undefined) store.buffers.readBuffers.give(piece.buffer);
      } finally {
        taken();
      }
    }
  } finally {
    await reader.close();
  }
}

/** The bytes of a version that are asked for. */
export interface StoredSpan {
  readonly target: Target;
  readonly version: Version;
  readonly span: Span;
}

/** Bytes first <= i < end of the object, on their way or here. */
interface Piece<Bytes> {
  readonly end: number;
  readonly bytes: Bytes;
  /** The bytes that the budget granted for them. */
  readonly held: number;
  /** The memory they are in, if that is to be used again. */
  readonly buffer: Uint8Array | undefined;
}

type BegunPiece = Piece<Uint8Array | Promise<Uint8Array>>;

/**
 * Reads a span in pieces whose size is found when each begins; goes on where the data moved to
 * meanwhile. Until it is closed, what it reads is not dropped.
 */
class PieceReader {
  readonly #store: ObjectStore;
  readonly #share: AnswerShare;
  readonly #target: Target;
  readonly #end: number;
  #at: number;
  #version: Version;
  #chunks: ChunkFinder;
  #chunk: Chunk | undefined;
  readonly #ended: () => void;
  /** The first piece, where it was read before it is asked for. */
  #first: Piece<Uint8Array> | undefined;
  #current: BegunPiece | undefined;
  #ahead: BegunPiece | undefined;

  constructor(store: ObjectStore, { target, version, span }: StoredSpan) {
    this.#store = store;
    this.#ended = store.reads.begin();
    this.#share = store.answers.open();
    this.#target = target;
    this.#version = version;
    this.#chunks = findChunks(store, target, version.row);
    this.#at = span.first;
    this.#end = span.end;
  }

  /** Reads the first piece. Closes where that fails. */
  async begin(): Promise<void> {
    try {
      this.#first = await this.next();
    } catch (thrown) {
      await this.close();
      throw thrown;
    }
  }

  /** A piece is on its way to the peer; what is returned gives back what was granted for it. */
  handOver(held: number): () => void {
    return this.#share.handOver(held);
  }

  /** The next piece, which is to be handed over; undefined at the end. */
  async next(): Promise<Piece<Uint8Array> | undefined> {
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined) return first;
    while (this.#at < this.#end) {
      try {
        const piece = await this.#readNext();
        this.#at = piece.end;
        return piece;
      } catch (error) {
        await this.#settle();
        this.#version = await rowAfterMove(this.#target, this.#version, error);
        this.#chunks = findChunks(this.#store, this.#target, this.#version.row);
        this.#chunk = undefined;
      }
    }
    return undefined;
  }

  async close(): Promise<void> {
    await this.#settle();
    this.#ended();
  }

  /** Waits for what is under way, which still reads from an extent that must not be dropped. */
  async #settle(): Promise<void> {
    const underWay = [this.#current, this.#ahead];
    this.#current = undefined;
    this.#ahead = undefined;
    for (const piece of underWay) {
      if (piece === undefined) continue;
      await Promise.allSettled([piece.bytes]);
      this.#share.giveBack(piece.held);
    }
  }

  async #readNext(): Promise<Piece<Uint8Array>> {
    this.#current = this.#ahead;
    this.#ahead = undefined;
    this.#current ??= await this.#begin(this.#at, (wanted) => this.#share.take(wanted));
    const { end, held, buffer, bytes } = must(this.#current, "a block is always granted");
    if (end < this.#end) {
      this.#ahead = await this.#begin(end, (wanted) => this.#share.takeAhead(wanted));
    }
    const verified =
      bytes instanceof Promise ? await inPhase(this.#store.phases, "read", () => bytes) : bytes;
    this.#current = undefined;
    // A late answer may still come into a buffer that another member's answer is not in.
    // holds: C4 buffer-of-late-answer-is-left
    const isUsed = buffer !== undefined && isIn(buffer, verified);
    return { end, held, buffer: isUsed ? buffer : undefined, bytes: verified };
  }

  /**
   * Begins to read a piece; nothing where nothing is granted.
   *
   * @param grant how many of so many bytes may be held: a block at least, or none.
   */
  async #begin(first: number, grant: (wanted: number) => number): Promise<BegunPiece | undefined> {
    const chunk = await this.#chunkAt(first);
    const chunkEnd = Math.min(chunk.end, this.#end);
    const held = grant(chunkEnd - first);
    if (held === 0) return undefined;
    // Up to the end of a block, so that none is verified twice.
    const last = first + held;
    const end = last >= chunkEnd ? chunkEnd : last - ((last - chunk.first) % blockBytes);
    const buffer = held <= blockBytes ? undefined : this.#store.buffers.readBuffers.take();
    const bytes = chunk.read(first, end, buffer);
    // It may fail before anybody looks: while the caller is sending, or because the caller has
    // left.
    if (bytes instanceof Promise) bytes.catch(() => undefined);
    return { end, bytes, held, buffer };
  }

  async #chunkAt(at: number): Promise<Chunk> {
    if (this.#chunk === undefined || at < this.#chunk.first || at >= this.#chunk.end) {
      this.#chunk = await this.#chunks.find(at);
    }
    return this.#chunk;
  }
}
