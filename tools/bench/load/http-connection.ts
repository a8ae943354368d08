import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { AnswerParser } from "./answer-parser.ts";

export interface Place {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** True if any certificate is accepted. */
  readonly insecure: boolean;
  /** A certificate authority's certificates in PEM, instead of the machine's. */
  readonly ca: string | undefined;
  /** A request for which no byte came for this long has failed. */
  readonly timeoutMs: number;
}

export interface HttpRequest {
  /** The head, and the body too where that is small. */
  readonly bytes: Buffer;
  readonly body?: Iterable<Buffer> | undefined;
  /** HEAD is answered without. */
  readonly withoutBody: boolean;
  readonly sink: (piece: Buffer) => void;
}

export interface HttpAnswer {
  readonly status: number;
  readonly firstByteMs: number;
  readonly bodyBytes: number;
  header(name: string): string | undefined;
}

interface PendingRequest {
  readonly parser: AnswerParser;
  readonly beganMs: number;
  firstByteMs: number;
  bodySent: boolean;
  readonly done: (answer: HttpAnswer) => void;
  readonly fail: (error: Error) => void;
}

/**
 * One keep-alive HTTP/1.1 connection with one request at a time, far cheaper than a general client,
 * so that the server and not the load is what is measured.
 */
export class HttpConnection {
  readonly #socket: Socket;
  #exchange: PendingRequest | undefined;
  #written: (() => void) | undefined;
  #open = true;

  private constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket;
    socket.on("data", (piece: Buffer) => this.#receive(piece));
    socket.on("drain", () => this.#written?.());
    socket.on("error", (error) => this.#end(error));
    socket.on("close", () => this.#end(named("ConnectionClosed", "the connection was closed")));
    socket.setTimeout(timeoutMs, () => {
      if (this.#exchange !== undefined) this.#end(named("Timeout", `no byte in ${timeoutMs} ms`));
    });
  }

  static open(place: Place): Promise<HttpConnection> {
    const { host, port, tls, insecure, ca, timeoutMs } = place;
    return new Promise((done, fail) => {
      const onOpen = (): void => done(new HttpConnection(socket, timeoutMs));
      const trust = { rejectUnauthorized: !insecure, ...(ca !== undefined && { ca }) };
      const socket = tls
        ? connectTls(
            { host, port, servername: host, ALPNProtocols: ["http/1.1"], ...trust },
            onOpen,
          )
        : connectTcp({ host, port }, onOpen);
      socket.setNoDelay(true);
      socket.once("error", fail);
    });
  }

  /** True if it takes another request. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** Rejects where the connection breaks before the answer is complete. */
  send(request: HttpRequest): Promise<HttpAnswer> {
    return new Promise((done, fail) => {
      const parser = new AnswerParser(request);
      const beganMs = performance.now();
      const exchange = { parser, beganMs, firstByteMs: 0, bodySent: request.body === undefined };
      this.#exchange = { ...exchange, done, fail };
      const flows = this.#socket.write(request.bytes);
      if (request.body !== undefined) void this.#sendBody(request.body, this.#exchange, flows);
    });
  }

  close(): void {
    this.#exchange = undefined;
    this.#end(named("ConnectionClosed", "closed by us"));
  }

  async #sendBody(body: Iterable<Buffer>, exchange: PendingRequest, flows: boolean): Promise<void> {
    let mayWrite = flows;
    for (const piece of body) {
      if (!mayWrite) {
        await new Promise<void>((resolve) => {
          this.#written = resolve;
        });
      }
      // An answer may come before the body has gone, mostly a refusal.
      if (!this.#open || this.#exchange !== exchange) return;
      mayWrite = this.#socket.write(piece);
    }
    exchange.bodySent = true;
  }

  #receive(piece: Buffer): void {
    const exchange = this.#exchange;
    if (exchange === undefined) {
      this.#end(named("UnexpectedAnswer", "an answer to no request"));
      return;
    }
    if (exchange.firstByteMs === 0) exchange.firstByteMs = performance.now() - exchange.beganMs;
    try {
      const surplus = exchange.parser.push(piece);
      if (surplus.length > 0) throw new Error("the answer is longer than it says");
    } catch (error) {
      this.#end(named("BadAnswer", (error as Error).message)); // the parser throws nothing else
      return;
    }
    if (exchange.parser.done) this.#finish(exchange);
  }

  #finish(exchange: PendingRequest): void {
    const { parser, firstByteMs } = exchange;
    const { status, bodyBytes } = parser;
    this.#exchange = undefined;
    if (parser.closes || !exchange.bodySent) this.close();
    exchange.done({ status, firstByteMs, bodyBytes, header: (name) => parser.header(name) });
  }

  #end(error: Error): void {
    this.#open = false;
    this.#socket.destroy();
    this.#written?.();
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    if (exchange.parser.end()) this.#finish(exchange);
    else {
      this.#exchange = undefined;
      exchange.fail(error);
    }
  }
}

function named(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
