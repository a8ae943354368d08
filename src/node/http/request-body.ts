import type { IncomingMessage } from "node:http";
import { StoreError } from "../../base/errors.ts";

const gone = (): StoreError => new StoreError("cancelled", "the client left before its body ended");

const ended: IteratorResult<Uint8Array> = { done: true, value: undefined };

/** The body of requests that have none: nothing to listen for. */
export const emptyBody: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve(ended) }),
};

/**
 * A request's body as it is pulled. Chunks are handed on as the parser made them (a stream's own iterator would
 * join them, which is one copy more of every byte); when nobody pulls, the socket is no longer read.
 */
export class RequestBody implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  readonly #message: IncomingMessage;
  readonly #bufferBytes: number;
  readonly #beforeFirstPull: (() => void) | undefined;
  readonly #chunks: Uint8Array[] = [];
  #buffered = 0;
  #state: "unread" | "reading" | "ended" | "failed" = "unread";
  #waiting: PromiseWithResolvers<IteratorResult<Uint8Array>> | undefined;
  /** Bytes that came off the wire. */
  received = 0;

  constructor(message: IncomingMessage, bufferBytes: number, beforeFirstPull?: () => void) {
    this.#message = message;
    this.#bufferBytes = bufferBytes;
    this.#beforeFirstPull = beforeFirstPull;
  }

  /** Whether anybody asked for a byte of it. */
  get pulled(): boolean {
    return this.#state !== "unread";
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#state === "unread") this.#start();
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#buffered -= chunk.length;
      if (this.#message.isPaused() && this.#buffered < this.#bufferBytes) this.#message.resume();
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#state === "ended") return Promise.resolve(ended);
    if (this.#state === "failed") return Promise.reject(gone());
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  /** The reader has had enough; what is left is the exchange's business. */
  return(): Promise<IteratorResult<Uint8Array>> {
    this.#chunks.length = 0;
    this.#buffered = 0;
    return Promise.resolve(ended);
  }

  /** The peer has gone. Chunks already here are still handed out, then the iteration fails. */
  fail(): void {
    if (this.#state === "ended" || this.#state === "failed") return;
    this.#state = "failed";
    this.#waiting?.reject(gone());
    this.#waiting = undefined;
  }

  /** Reads and forgets the rest; resolves at its end, or after `bytesMax` or when the peer leaves. */
  discard(bytesMax: number): Promise<void> {
    this.#chunks.length = 0;
    if (this.#message.complete) return Promise.resolve();
    return new Promise((resolve) => {
      let bytes = 0;
      this.#message.removeAllListeners("data");
      this.#message.on("data", (chunk: Uint8Array) => {
        bytes += chunk.length;
        if (bytes > bytesMax) resolve();
      });
      this.#message.once("end", resolve).once("close", resolve);
      this.#message.resume();
    });
  }

  #start(): void {
    this.#state = "reading";
    this.#beforeFirstPull?.();
    this.#message.on("data", (chunk: Uint8Array) => this.#take(chunk));
    this.#message.on("end", () => {
      if (this.#state !== "reading") return;
      this.#state = "ended";
      this.#waiting?.resolve(ended);
      this.#waiting = undefined;
    });
  }

  #take(chunk: Uint8Array): void {
    this.received += chunk.length;
    if (this.#waiting !== undefined) {
      this.#waiting.resolve({ done: false, value: chunk });
      this.#waiting = undefined;
      return;
    }
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    if (this.#buffered >= this.#bufferBytes) this.#message.pause();
  }
}
