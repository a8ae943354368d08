import type { Socket } from "node:net";
import { assert, must } from "../../base/assert.ts";
import { noBytes } from "../../base/bytes.ts";
import { StoreError } from "../../base/errors.ts";
import type { HttpRequest, RequestHead } from "../../platform/http.ts";
import type { ReceivedHead } from "./head-parser.ts";
import { emptyBody, type RequestBody } from "./request-body.ts";

/** A request as its handler sees it. */
export class IncomingRequest implements HttpRequest {
  readonly head: RequestHead;
  /** The head, with the framing that the server itself needs. */
  readonly received: ReceivedHead;
  readonly secure: boolean;
  readonly body: AsyncIterable<Uint8Array>;
  /** The body; undefined where the request has none. */
  readonly #body: RequestBody | undefined;
  readonly #socket: Socket;
  #abort: AbortController | undefined;
  #isGone = false;

  constructor(
    received: ReceivedHead,
    body: RequestBody | undefined,
    socket: Socket,
    secure: boolean,
  ) {
    this.head = received.head;
    this.received = received;
    this.secure = secure;
    this.body = body ?? emptyBody;
    this.#body = body;
    this.#socket = socket;
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  get contentLength(): number | undefined {
    return this.received.bodyBytes;
  }

  readWhole(bytesMax: number): Uint8Array | Promise<Uint8Array> {
    const bytes = must(this.contentLength, "a body that is read whole was announced");
    assert(bytes <= bytesMax, "a body of more bytes than its reader allows");
    return this.#body?.readWhole(bytes) ?? noBytes;
  }

  /** Made when first asked for: most requests are answered without. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#isGone) this.#abort.abort(peerLeft());
    return this.#abort.signal;
  }

  /** The peer has gone before the answer was out. */
  left(): void {
    this.#isGone = true;
    this.#abort?.abort(peerLeft());
  }
}

export const peerLeft = (): StoreError => new StoreError("cancelled", "the client left");
