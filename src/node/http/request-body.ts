import { freeBytes } from "../../base/bytes.ts";
import type { BodyFault } from "../../platform/body-fault.ts";
import { StoreError } from "../../base/errors.ts";
import { malformed } from "./byte-classes.ts";
import { ChunkedDecoder } from "./chunked-decoder.ts";
import type { HttpLimits } from "./limits.ts";
import { PeerPace } from "./peer-pace.ts";

const ended: IteratorResult<Uint8Array> = { done: true, value: undefined };

/**
 * @limit From here on bytes behind a head are copied, so that their memory can be given back. A
 * view keeps the whole buffer for the collector, which looks for garbage each few MB of these.
 */
const copiedBytesMin = 16 * 1024;

/** The body of requests that have none. */
export const emptyBody: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve(ended) }),
};

/** Where a body's bytes come from. */
export interface BodySource {
  /** Called when the body is wanted: a client that waits for 100 Continue may send it. */
  bodyPulled(): void;
  pause(): void;
  resume(): void;
}

/**
 * A request's body as it is pulled. Pieces are handed on as they came off the socket, without a
 * copy; when nobody pulls, the socket is no longer read.
 */
export class RequestBody implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  readonly #source: BodySource;
  readonly #bufferBytes: number;
  readonly #pace: PeerPace;
  readonly #decoder: ChunkedDecoder | undefined;
  /** Bytes still to come; without meaning where it is chunked. */
  #rest: number;
  #pieces: Uint8Array[] = [];
  #buffered = 0;
  #isPulled = false;
  #isWhole = false;
  #isDiscarded = false;
  #failure: StoreError | BodyFault | undefined;
  #waiting: PromiseWithResolvers<IteratorResult<Uint8Array>> | undefined;

  /** @param bytes undefined: chunked. */
  constructor(source: BodySource, bytes: number | undefined, limits: HttpLimits) {
    this.#source = source;
    this.#bufferBytes = limits.bodyBufferBytes;
    this.#pace = new PeerPace({
      windowMs: limits.bodyWindowMs,
      bytesMin: limits.bodyWindowBytes,
    });
    this.#rest = bytes ?? Number.POSITIVE_INFINITY;
    if (bytes === undefined) {
      this.#decoder = new ChunkedDecoder(limits.headerBytes, (piece) => this.#deliver(piece));
    }
  }

  /** True if anybody asked for a byte of the body. */
  get isPulled(): boolean {
    return this.#isPulled;
  }

  /** True if the whole body came off the wire. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** No more of it will be handed out, though it is not whole. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Bytes that are still to come, as far as one can know. */
  get rest(): number {
    return this.#isWhole ? 0 : this.#rest;
  }

  /** True while the peer is waited for. */
  get isWaiting(): boolean {
    return this.#pace.isWaiting;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    if (!this.#isPulled) {
      this.#isPulled = true;
      if (!this.#isWhole && this.#failure === undefined) this.#source.bodyPulled();
    }
    const value = this.#pieces.shift();
    if (value !== undefined) {
      const wasFull = this.#buffered >= this.#bufferBytes;
      this.#buffered -= value.length;
      if (wasFull && this.#buffered < this.#bufferBytes) this.#source.resume();
      return Promise.resolve({ done: false, value });
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#isWhole) return Promise.resolve(ended);
    this.#pace.wait();
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  /** Reads all of a body of this announced length; at once where it has come. */
  readWhole(bytes: number): Uint8Array | Promise<Uint8Array> {
    if (!this.#isWhole || this.#isPulled) return this.#collect(bytes);
    const pieces = this.#pieces;
    this.#forget();
    if (pieces.length === 1) return pieces[0]!;
    const whole = Buffer.concat(pieces);
    for (const piece of pieces) freeBytes(piece);
    return whole;
  }

  /** The reader has had enough; what is left is the connection's business. */
  return(): Promise<IteratorResult<Uint8Array>> {
    this.#forget();
    return Promise.resolve(ended);
  }

  /**
   * Takes bytes of it out of what came; returns where those behind it begin, below zero where it is
   * not well-formed.
   */
  take(data: Buffer, at: number): number {
    if (this.#decoder !== undefined) {
      const end = this.#decoder.take(data, at);
      if (end !== malformed && this.#decoder.isDone) this.#complete();
      return end;
    }
    const end = Math.min(data.length, at + this.#rest);
    this.#rest -= end - at;
    this.#deliver(pieceOf(data, at, end));
    if (this.#rest === 0) this.#complete();
    return end;
  }

  /**
   * The peer has gone, or is waited for no longer, or the rest can't be read. What is here already
   * is still handed out, then this is thrown. Does nothing where the body is whole.
   */
  fail(failure: StoreError | BodyFault): void {
    if (this.#isWhole || this.#failure !== undefined) return;
    this.#failure = failure;
    this.#waitingNoMore()?.reject(failure);
  }

  /** Throws away what comes from now on. */
  discard(): void {
    this.#isDiscarded = true;
    this.#forget();
    this.#source.resume();
  }

  /** Called as time goes by, with the time since the last call. */
  passed(ms: number): void {
    if (this.#pace.passed(ms)) this.fail(new StoreError("stalled", "the body came too slowly"));
  }

  async #collect(bytes: number): Promise<Uint8Array> {
    const whole = new Uint8Array(bytes);
    let at = 0;
    for (let next = await this.next(); next.done !== true; next = await this.next()) {
      whole.set(next.value, at);
      at += next.value.length;
      freeBytes(next.value);
    }
    return whole;
  }

  #deliver(piece: Uint8Array): void {
    this.#pace.moved(piece.length);
    if (this.#isDiscarded || this.#failure !== undefined) return;
    const waiting = this.#waitingNoMore();
    if (waiting !== undefined) {
      waiting.resolve({ done: false, value: piece });
      return;
    }
    this.#pieces.push(piece);
    this.#buffered += piece.length;
    if (this.#buffered >= this.#bufferBytes) this.#source.pause();
  }

  #complete(): void {
    this.#isWhole = true;
    this.#waitingNoMore()?.resolve(ended);
  }

  #forget(): void {
    this.#pieces = [];
    this.#buffered = 0;
  }

  #waitingNoMore(): PromiseWithResolvers<IteratorResult<Uint8Array>> | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) this.#pace.rest();
    return waiting;
  }
}

/** Bytes of what was read; in memory of their own where they are many and the end of it. */
function pieceOf(data: Buffer, at: number, end: number): Uint8Array {
  if (at === 0 && end === data.length) return data;
  if (end < data.length || end - at < copiedBytesMin) return data.subarray(at, end);
  const piece = new Uint8Array(data.subarray(at));
  freeBytes(data);
  return piece;
}
