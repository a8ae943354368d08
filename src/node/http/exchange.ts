import type { IncomingMessage, ServerResponse } from "node:http";
import { PayloadError } from "../../auth/payload-error.ts";
import { assert, must } from "../../base/assert.ts";
import { noBytes } from "../../base/bytes.ts";
import { isStoreError, messageOf, StoreError } from "../../base/errors.ts";
import type { HeaderList, HttpHandler, HttpRequest, HttpResponse } from "../../platform/http.ts";
import type { Log } from "../../platform/log.ts";
import { type RequestHead, headersByName, requestHead } from "../../platform/request-head.ts";
import { bareAnswer } from "./bare-answer.ts";
import type { HttpLimits } from "./limits.ts";
import { type PeerWatch, Transfer } from "./peer-watch.ts";
import { emptyBody, RequestBody } from "./request-body.ts";
import { type AnswerHead, isStreamed, sendStream } from "./send-stream.ts";

export interface ExchangeOptions {
  readonly limits: HttpLimits;
  readonly watch: PeerWatch;
  readonly log: Log;
  readonly secure: boolean;
  /** Called before an answer says that the connection ends with it. */
  readonly onLast: () => void;
  /** Whether the peer sent what can't be read: this answer is the last one. */
  readonly isUnreadable: () => boolean;
}

/** One request and its answer, between node:http's objects and ours. */
export class Exchange implements HttpRequest {
  readonly head: RequestHead;
  readonly secure: boolean;
  readonly body: AsyncIterable<Uint8Array>;
  readonly #headers: HeaderList;
  readonly #message: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #options: ExchangeOptions;
  readonly #requestBody: RequestBody | undefined;
  readonly #expectsContinue: boolean;
  readonly #sending: Transfer;
  #abort: AbortController | undefined;
  #gone = false;

  constructor(message: IncomingMessage, response: ServerResponse, options: ExchangeOptions) {
    this.#message = message;
    this.#response = response;
    this.#options = options;
    this.#headers = headerList(message.rawHeaders);
    const target = originForm(message.url ?? "");
    this.head = requestHead(message.method ?? "", target, headersByName(this.#headers));
    this.secure = options.secure;
    this.#expectsContinue = expectsContinue(message);
    this.#requestBody = hasBody(message) ? this.#openBody() : undefined;
    this.body = this.#requestBody ?? emptyBody;
    const pace = { windowMs: options.limits.pieceMs, bytesMin: 1 };
    this.#sending = new Transfer(options.watch, pace, () => response.destroy());
    response.on("close", () => this.#onClose());
  }

  get remoteAddress(): string | undefined {
    return this.#message.socket.remoteAddress;
  }

  get contentLength(): number | undefined {
    if (this.#requestBody === undefined) return 0;
    const length = this.#message.headers["content-length"];
    return length === undefined ? undefined : Number(length);
  }

  readWhole(bytesMax: number): Uint8Array | Promise<Uint8Array> {
    const bytes = must(this.contentLength, "a body that is read whole was announced");
    assert(bytes <= bytesMax, "a body of more bytes than its reader allows");
    return this.#requestBody?.readWhole(bytes) ?? noBytes;
  }

  /** Made when first asked for: small requests are often answered without. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#gone) this.#abort.abort(peerLeft());
    return this.#abort.signal;
  }

  /**
   * Runs the handler and sends what it answers. Never throws. Returns when all is handed over; the peer may still be
   * reading the last of it until the response closes.
   *
   * @param closing whether this must be the connection's last answer.
   */
  async run(handler: HttpHandler, closing: () => boolean): Promise<void> {
    try {
      const answer = await this.#answer(handler);
      // A streamed body may hold what only its iteration lets go.
      if (!this.#gone || isStreamed(answer.body)) await this.#send(answer, closing());
    } catch (error) {
      // The head is on its way: all that can be said is that the answer ends early.
      this.#response.destroy();
      if (!isStoreError(error, "cancelled")) {
        const message = messageOf(error);
        this.#options.log("warn", "response_broken", { target: this.head.target, message });
      }
    }
  }

  /** No more of the body can be read; does nothing where it is whole. */
  loseBody(failure: PayloadError): void {
    if (!this.#message.complete) this.#requestBody?.fail(failure);
  }

  #openBody(): RequestBody {
    const { watch, limits } = this.#options;
    const { bodyWindowMs: windowMs, bodyWindowBytes: bytesMin, bodyBufferBytes } = limits;
    const stalled = (): void => body.fail(new StoreError("stalled", "the body came too slowly"));
    const body = new RequestBody({
      message: this.#message,
      bufferBytes: bodyBufferBytes,
      beforeFirstPull: this.#expectsContinue ? () => this.#response.writeContinue() : undefined,
      transfer: new Transfer(watch, { windowMs, bytesMin }, stalled),
    });
    return body;
  }

  async #answer(handler: HttpHandler): Promise<HttpResponse> {
    if (this.#headers.length > this.#options.limits.headers) return bareAnswer("headersTooLarge");
    if (!hasOneHost(this.#headers, this.#message.httpVersion)) return bareAnswer("malformed");
    if (!isPlainOrChunked(this.#headers)) return bareAnswer("transferEncoding");
    try {
      return await handler(this);
    } catch (error) {
      if (error instanceof PayloadError) return bareAnswer("malformed");
      if (isStoreError(error, "stalled")) return bareAnswer("timeout");
      if (!this.#gone) {
        const stack = error instanceof Error ? error.stack : undefined;
        const failure = { target: this.head.target, message: messageOf(error), stack };
        this.#options.log("error", "handler_failed", failure);
      }
      return bareAnswer("internal");
    }
  }

  async #send(answer: HttpResponse, closing: boolean): Promise<void> {
    const { status } = answer;
    const unread = this.#unread();
    const headers: string[] = [];
    // Node reads a content-disposition behind a content-length as UTF-8: it would send other bytes, or refuse them.
    for (const [name, value] of answer.headers) {
      if (name === "content-disposition") headers.unshift(name, value);
      else headers.push(name, value);
    }
    if (closing || unread === "much") {
      this.#options.onLast();
      headers.push("connection", "close");
    }
    const body = this.head.method === "HEAD" ? undefined : answer.body;
    if (needsLength(answer)) {
      const bytes = isStreamed(answer.body) ? undefined : answer.body;
      headers.push("content-length", `${bytes?.length ?? 0}`);
    }
    if (isStreamed(body)) {
      await this.#stream({ status, headers }, body);
    } else if (unread === "much") {
      this.#response.writeHead(status, headers);
      await this.#linger(body);
    } else if ((body?.length ?? 0) > this.#options.limits.pieceBytes) {
      await this.#stream({ status, headers }, onlyChunk(body));
    } else {
      this.#sending.wait();
      this.#response.writeHead(status, headers);
      this.#response.end(body);
    }
    // It ends by itself, or with the connection.
    if (unread === "little") void this.#requestBody?.discard(Number.POSITIVE_INFINITY);
  }

  #stream(head: AnswerHead, body: AsyncIterable<Uint8Array>): Promise<void> {
    return sendStream(this.#response, head, body, this.#options.limits.pieceBytes, this.#sending);
  }

  /**
   * Closing a socket with bytes still arriving resets it, and the peer may lose the answer it has not read yet. So the
   * answer goes out whole, and the connection stays open a little while what arrives is thrown away.
   */
  async #linger(bytes: Uint8Array | undefined): Promise<void> {
    if (bytes === undefined) this.#response.flushHeaders();
    else this.#response.write(bytes);
    const { lingerMs, lingerBytes } = this.#options.limits;
    const timer = Promise.withResolvers<void>();
    const timeout = setTimeout(timer.resolve, lingerMs);
    const ends = [this.#peerEnds(), timer.promise];
    if (!this.#message.complete && this.#requestBody !== undefined) {
      ends.push(this.#requestBody.discard(lingerBytes));
    }
    await Promise.race(ends);
    clearTimeout(timeout);
    this.#sending.wait();
    this.#response.end();
  }

  /** The peer has sent all it will. */
  #peerEnds(): Promise<void> {
    const { socket } = this.#message;
    if (socket.readableEnded || socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      socket.once("end", resolve).once("close", resolve);
    });
  }

  /** How much of the request's body is still to come: `little` is thrown away, for `much` the connection ends. */
  #unread(): "nothing" | "little" | "much" {
    if (this.#options.isUnreadable()) return "much";
    if (this.#requestBody === undefined || this.#message.complete) return "nothing";
    if (this.#requestBody.failed) return "much"; // who was too slow is not waited for again
    if (this.#expectsContinue && !this.#requestBody.pulled) return "much";
    const length = Number(this.#message.headers["content-length"] ?? Number.POSITIVE_INFINITY);
    const rest = length - this.#requestBody.received;
    return rest <= this.#options.limits.drainBytes ? "little" : "much";
  }

  #onClose(): void {
    this.#sending.rest();
    if (this.#response.writableFinished) return;
    this.#gone = true;
    this.#requestBody?.fail(peerLeft());
    this.#abort?.abort(peerLeft());
  }
}

const peerLeft = (): StoreError => new StoreError("cancelled", "the client left");

async function* onlyChunk(bytes: Uint8Array = noBytes): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}

/** Proxies, and SDKs that think there is one, send the whole URL as the target: it means its path and query. */
function originForm(target: string): string {
  if (target.startsWith("/")) return target;
  const authority = /^https?:\/\/[^/?#]*/i.exec(target)?.[0];
  if (authority === undefined) return target;
  const rest = target.slice(authority.length);
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/** HTTP/1.0 has no interim answers. What else a client may expect is ignored. */
function expectsContinue({ headers, httpVersion }: IncomingMessage): boolean {
  return httpVersion !== "1.0" && /(?:^|\W)100-continue(?:$|\W)/i.test(headers.expect ?? "");
}

function hasBody(message: IncomingMessage): boolean {
  const length = message.headers["content-length"];
  return (
    message.headers["transfer-encoding"] !== undefined || (length !== undefined && length !== "0")
  );
}

/** Two of them, and a proxy in front may have read the other one. */
function hasOneHost(headers: HeaderList, version: string): boolean {
  const count = headers.reduce((sum, [name]) => sum + (name === "host" ? 1 : 0), 0);
  return count === 1 || (count === 0 && version === "1.0");
}

/** What is in another coding would be stored in it. */
function isPlainOrChunked(headers: HeaderList): boolean {
  return headers.every(
    ([name, value]) => name !== "transfer-encoding" || value.trim().toLowerCase() === "chunked",
  );
}

function headerList(raw: readonly string[]): HeaderList {
  const list: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) list.push([raw[i]!.toLowerCase(), raw[i + 1]!]);
  return list;
}

/** A HEAD answer states the length of what GET would send, if anything; 1xx, 204 and 304 have no length. */
function needsLength(answer: HttpResponse): boolean {
  if (answer.status < 200 || answer.status === 204 || answer.status === 304) return false;
  if (isStreamed(answer.body)) return false;
  return !answer.headers.some(([name]) => name === "content-length");
}
