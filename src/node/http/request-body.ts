import type { IncomingMessage } from "node:http";
import type { PayloadError } from "../../auth/payload-error.ts";
import type { StoreError } from "../../base/errors.ts";
import type { Transfer } from "./peer-watch.ts";

const ended: IteratorResult<Uint8Array> = { done: true, value: undefined };

/** The body of requests that have none: nothing to listen for. */
export const emptyBody: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve(ended) }),
};

export interface RequestBodyOptions {
  readonly message: IncomingMessage;
  /** Held for a reader that does not pull. */
  readonly bufferBytes: number;
  readonly beforeFirstPull?: (() => void) | undefined;
  /** Watches the sender; its end is to fail this body. */
  readonly transfer: Transfer;
}

/**
 * A request's body as it is pulled. Chunks are handed on as the parser made them (a stream's own iterator would
 * join them, which is one copy more of every byte); when nobody pulls, the socket is no longer read.
 */
export class RequestBody implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  readonly #options: RequestBodyOptions;
  readonly #message: IncomingMessage;
  readonly #chunks: Uint8Array[] = [];
  #buffered = 0;
  #state: "unread" | "reading" | "ended" | "failed" = "unread";
  #failure: StoreError | PayloadError | undefined;
  #waiting: PromiseWithResolvers<IteratorResult<Uint8Array>> | undefined;
  /** Bytes that came off the wire. */
  received = 0;

  constructor(options: RequestBodyOptions) {
    this.#options = options;
    this.#message = options.message;
  }

  /** Whether anybody asked for a byte of it. */
  get pulled(): boolean {
    return this.#state !== "unread";
  }

  /** No more of it will be handed out, though it has not ended. */
  get failed(): boolean {
    return this.#state === "failed";
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#state === "unread") this.#start();
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#buffered -= chunk.length;
      if (this.#message.isPaused() && this.#buffered < this.#options.bufferBytes) {
        this.#message.resume();
      }
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#state === "ended") return Promise.resolve(ended);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#options.transfer.wait();
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  /** All of a body that is announced to have so many bytes: at once where they came with the head. */
  readWhole(bytes: number): Uint8Array | Promise<Uint8Array> {
    const arrived = this.#message.readableLength === bytes ? this.#read() : undefined;
    if (arrived === undefined) return this.#collect(bytes);
    this.#state = "ended";
    this.received = bytes;
    return arrived;
  }

  /** The reader has had enough; what is left is the exchange's business. */
  return(): Promise<IteratorResult<Uint8Array>> {
    this.#chunks.length = 0;
    this.#buffered = 0;
    return Promise.resolve(ended);
  }

  /**
   * The peer has gone, or is waited for no longer, or the rest can't be read. What is here already is still handed out,
   * then this is thrown.
   */
  fail(failure: StoreError | PayloadError): void {
    if (this.#state === "ended" || this.#state === "failed") return;
    this.#state = "failed";
    this.#failure = failure;
    const waiting = this.#waitingNoMore();
    waiting?.reject(failure);
  }

  /** Reads and forgets the rest; resolves at its end, or after `bytesMax` or when the peer leaves. */
  discard(bytesMax: number): Promise<void> {
    this.#chunks.length = 0;
    if (this.#message.complete || this.#message.destroyed) return Promise.resolve();
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

  #read(): Uint8Array | undefined {
    const bytes = this.#message.read() as Buffer | null; // no encoding is set
    return bytes ?? undefined;
  }

  async #collect(bytes: number): Promise<Uint8Array> {
    const whole = new Uint8Array(bytes);
    let at = 0;
    for (let next = await this.next(); next.done !== true; next = await this.next()) {
      whole.set(next.value, at);
      at += next.value.length;
    }
    return whole;
  }

  #start(): void {
    this.#state = "reading";
    this.#options.beforeFirstPull?.();
    this.#message.on("data", (chunk: Uint8Array) => this.#take(chunk));
    this.#message.on("end", () => {
      if (this.#state !== "reading") return;
      this.#state = "ended";
      this.#waitingNoMore()?.resolve(ended);
    });
  }

  #take(chunk: Uint8Array): void {
    this.received += chunk.length;
    this.#options.transfer.moved(chunk.length);
    const waiting = this.#waitingNoMore();
    if (waiting !== undefined) {
      waiting.resolve({ done: false, value: chunk });
      return;
    }
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    if (this.#buffered >= this.#options.bufferBytes) this.#message.pause();
  }

  #waitingNoMore(): PromiseWithResolvers<IteratorResult<Uint8Array>> | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) this.#options.transfer.rest();
    return waiting;
  }
}
