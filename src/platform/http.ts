/** An HTTP exchange as protocol code sees it; `node/` and the simulator bridge to real or imagined sockets. */
import type { RequestHead } from "./request-head.ts";

/** Header names in lower case; a header sent several times has several entries. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

export interface HttpRequest {
  readonly head: RequestHead;
  readonly secure: boolean;
  /** For logs; undefined once the peer has gone. */
  readonly remoteAddress: string | undefined;
  /**
   * The body's bytes, pulled; transfer-encoding is undone, nothing else. With `Expect: 100-continue`, the
   * interim answer is sent at the first pull. Ends early with StoreError `cancelled` if the peer leaves, `stalled` if it
   * is too slow, and with PayloadError where it is not whole or not well-formed. Pieces are the reader's for good: what
   * is alone in its memory may be freed.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Bytes of `body` as announced, 0 where the request has none; undefined where the body comes in HTTP's chunks. */
  readonly contentLength: number | undefined;
  /**
   * The whole of an announced body as one value, in place of `body`: only one of the two is read, and once. The bytes
   * themselves where they have arrived already, else a promise, which fails as `body` does. The bytes are the reader's.
   *
   * @param bytesMax the most that is announced; the caller has looked.
   */
  readWhole(bytesMax: number): Uint8Array | Promise<Uint8Array>;
  /** Aborts when the peer leaves or the server must stop. */
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** `content-length` is set by the server for byte bodies; a streamed body states its own or is chunked. */
  readonly headers: HeaderList;
  /**
   * A streamed one is iterated in any case, though perhaps not to its end: then it lets go of what it holds. Each of
   * its pieces lasts until the next is asked for, which is not before this one has left.
   */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array> | undefined;
}

/** Answers with the value itself where nothing has to be waited for. */
export type HttpHandler = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>;
