import type { RequestPhases } from "../../object/request-phases.ts";
import type { HttpRequest } from "../../platform/http.ts";

/** A request's body as sent, counted; waiting for it is a phase of the request. */
export class CountedBody implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  readonly #request: Pick<HttpRequest, "body" | "readWhole">;
  readonly #phases: RequestPhases;
  #pieces: AsyncIterator<Uint8Array> | undefined;
  #bytes = 0;

  constructor(request: Pick<HttpRequest, "body" | "readWhole">, phases: RequestPhases) {
    this.#request = request;
    this.#phases = phases;
  }

  /** Bytes that have come. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Reads the whole body, as `HttpRequest.readWhole` does. */
  readWhole(bytesMax: number): Uint8Array | Promise<Uint8Array> {
    const whole = this.#request.readWhole(bytesMax);
    if (whole instanceof Promise) return this.#await(whole);
    this.#bytes = whole.length;
    return whole;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    this.#pieces ??= this.#request.body[Symbol.asyncIterator]();
    this.#phases.wait("body");
    try {
      const next = await this.#pieces.next();
      if (next.done !== true) this.#bytes += next.value.length;
      return next;
    } finally {
      this.#phases.waited();
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    await this.#pieces?.return?.();
    return { done: true, value: undefined };
  }

  async #await(whole: Promise<Uint8Array>): Promise<Uint8Array> {
    this.#phases.wait("body");
    try {
      const bytes = await whole;
      this.#bytes = bytes.length;
      return bytes;
    } finally {
      this.#phases.waited();
    }
  }
}
