import type { IncomingMessage, ServerResponse } from "node:http";
import { isStoreError, messageOf, StoreError } from "../../base/errors.ts";
import type { HeaderList, HttpHandler, HttpRequest, HttpResponse } from "../../platform/http.ts";
import type { Log } from "../../platform/log.ts";
import { bareAnswer } from "./bare-answer.ts";
import type { HttpLimits } from "./limits.ts";
import { emptyBody, RequestBody } from "./request-body.ts";
import { isStreamed, sendStream } from "./send-stream.ts";

/** One request and its answer, between node:http's objects and ours. */
export class Exchange implements HttpRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: HeaderList;
  readonly secure = false;
  readonly body: AsyncIterable<Uint8Array>;
  readonly #message: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #limits: HttpLimits;
  readonly #requestBody: RequestBody | undefined;
  readonly #expectsContinue: boolean;
  #abort: AbortController | undefined;
  #gone = false;

  constructor(message: IncomingMessage, response: ServerResponse, limits: HttpLimits) {
    this.#message = message;
    this.#response = response;
    this.#limits = limits;
    this.method = message.method ?? "";
    this.target = message.url ?? "";
    this.headers = headerList(message.rawHeaders);
    this.#expectsContinue = message.headers.expect !== undefined;
    if (hasBody(message)) {
      const proceed = this.#expectsContinue ? () => response.writeContinue() : undefined;
      this.#requestBody = new RequestBody(message, limits.bodyBufferBytes, proceed);
    }
    this.body = this.#requestBody ?? emptyBody;
    response.once("close", () => this.#onClose());
  }

  get remoteAddress(): string | undefined {
    return this.#message.socket.remoteAddress;
  }

  /** Made when first asked for: small requests are often answered without. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#gone) this.#abort.abort(peerLeft());
    return this.#abort.signal;
  }

  /** Runs the handler and sends what it answers. Never throws. */
  async run(handler: HttpHandler, log: Log, stopping: () => boolean): Promise<void> {
    try {
      const answer = await this.#answer(handler, log);
      // A streamed body may hold what only its iteration lets go.
      if (!this.#gone || isStreamed(answer.body)) await this.#send(answer, stopping());
    } catch (error) {
      // The head is on its way: all that can be said is that the answer ends early.
      this.#response.destroy();
      if (!isStoreError(error, "cancelled")) {
        log("warn", "response_broken", { target: this.target, message: messageOf(error) });
      }
    }
  }

  async #answer(handler: HttpHandler, log: Log): Promise<HttpResponse> {
    if (this.headers.length > this.#limits.headers) return bareAnswer("headersTooLarge");
    if (this.#message.httpVersion === "1.1" && this.#message.headers.host === undefined) {
      return bareAnswer("malformed");
    }
    try {
      return await handler(this);
    } catch (error) {
      if (!this.#gone) {
        const stack = error instanceof Error ? error.stack : undefined;
        log("error", "handler_failed", { target: this.target, message: messageOf(error), stack });
      }
      return bareAnswer("internal");
    }
  }

  async #send(answer: HttpResponse, stopping: boolean): Promise<void> {
    const { status, body } = answer;
    const headers: string[] = [];
    for (const [name, value] of answer.headers) headers.push(name, value);
    const unread = this.#unread();
    if (stopping || unread === "much") headers.push("connection", "close");
    if (isStreamed(body) && this.method !== "HEAD") {
      await sendStream(this.#response, status, headers, body);
      return;
    }
    const bytes = isStreamed(body) ? undefined : body;
    if (needsLength(answer, this.method)) headers.push("content-length", `${bytes?.length ?? 0}`);
    this.#response.writeHead(status, headers);
    if (unread === "much") await this.#linger(this.method === "HEAD" ? undefined : bytes);
    else this.#response.end(this.method === "HEAD" ? undefined : bytes);
  }

  /**
   * Closing a socket with bytes still arriving resets it, and the peer may lose the answer it has not read yet. So the
   * answer goes out whole, and the connection stays open a little while what arrives is thrown away.
   */
  async #linger(bytes: Uint8Array | undefined): Promise<void> {
    if (bytes === undefined) this.#response.flushHeaders();
    else this.#response.write(bytes);
    const timer = Promise.withResolvers<void>();
    const timeout = setTimeout(timer.resolve, this.#limits.lingerMs);
    await Promise.race([this.#requestBody?.discard(Number.POSITIVE_INFINITY), timer.promise]);
    clearTimeout(timeout);
    this.#response.end();
  }

  /** How much of the request's body is still to come. `little` is thrown away by node:http itself. */
  #unread(): "nothing" | "little" | "much" {
    if (this.#requestBody === undefined || this.#message.complete) return "nothing";
    if (this.#expectsContinue && !this.#requestBody.pulled) return "much";
    const length = Number(this.#message.headers["content-length"] ?? Number.POSITIVE_INFINITY);
    const rest = length - this.#requestBody.received;
    return rest <= this.#limits.drainBytes ? "little" : "much";
  }

  #onClose(): void {
    if (this.#response.writableFinished) return;
    this.#gone = true;
    this.#requestBody?.fail();
    this.#abort?.abort(peerLeft());
  }
}

const peerLeft = (): StoreError => new StoreError("cancelled", "the client left");

function hasBody(message: IncomingMessage): boolean {
  const length = message.headers["content-length"];
  return (
    message.headers["transfer-encoding"] !== undefined || (length !== undefined && length !== "0")
  );
}

function headerList(raw: readonly string[]): HeaderList {
  const list: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) list.push([raw[i]!.toLowerCase(), raw[i + 1]!]);
  return list;
}

/** A HEAD answer states the length of what GET would send, if anything; 1xx, 204 and 304 have no length. */
function needsLength(answer: HttpResponse, method: string): boolean {
  if (answer.status < 200 || answer.status === 204 || answer.status === 304) return false;
  if (method === "HEAD" && isStreamed(answer.body)) return false;
  return !answer.headers.some(([name]) => name === "content-length");
}
