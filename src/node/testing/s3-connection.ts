import {
  Agent,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
} from "node:http";
import { Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import type { SigningIdentity } from "../../auth/sign.ts";
import type { HeaderList } from "../../platform/http.ts";
import { signedHeaders } from "../client/signed-headers.ts";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface SendOptions {
  readonly body?: Uint8Array | string | undefined;
  /** Names in lower case. */
  readonly headers?: HeaderList | undefined;
}

/**
 * The S3 client of tests on real servers, which count every answer: no retries, and a broken
 * connection is an error. Requests one after the other go over one connection, those at the same
 * time over several.
 */
export class S3Connection {
  readonly #url: URL;
  readonly #identity: SigningIdentity;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(endpoint: string, identity: SigningIdentity) {
    this.#url = new URL(endpoint);
    this.#identity = identity;
  }

  /** `target` is the path and query as sent. */
  async send(method: string, target: string, options: SendOptions = {}): Promise<Answer> {
    return readAnswer(await this.open(method, target, options));
  }

  /** Sends; resolves with the head of the answer, whose body is the caller's to read. */
  open(method: string, target: string, options: SendOptions = {}): Promise<IncomingMessage> {
    const body = Buffer.from(options.body ?? "");
    const outgoing = this.#begin(method, target, { ...options, body });
    const answer = answerTo(outgoing);
    outgoing.end(body);
    return answer;
  }

  /**
   * Sends a request over a connection of its own, held back by its last byte: the server has all
   * but that, and when it is let go nothing is left to do but to judge and commit. Resolves once
   * the rest is on its way.
   */
  async hold(method: string, target: string, options: SendOptions = {}): Promise<HeldRequest> {
    const body = Buffer.from(options.body ?? "");
    const socket = new HoldingSocket();
    socket.connect(Number(this.#url.port), this.#url.hostname);
    const outgoing = this.#begin(method, target, { ...options, body }, socket);
    const answer = answerTo(outgoing).then(readAnswer);
    answer.catch(() => undefined); // the caller that lets it go gets it
    await new Promise<void>((sent, fail) => {
      outgoing.once("error", fail);
      outgoing.end(body, sent);
    });
    return {
      finish: () => {
        socket.letGo();
        return answer;
      },
      drop: () => socket.destroy(),
    };
  }

  /** Ends its connections; those that are idle keep no process alive. */
  close(): void {
    this.#agent.destroy();
  }

  #begin(
    method: string,
    target: string,
    { body, headers: more }: { readonly body: Buffer; readonly headers?: HeaderList | undefined },
    socket?: Socket,
  ): ClientRequest {
    const { host, hostname, port } = this.#url;
    const signed = signedHeaders(host, this.#identity, { method, target, body, headers: more });
    const headers = { ...Object.fromEntries(signed), "content-length": body.length };
    const over = socket === undefined ? { agent: this.#agent } : { createConnection: () => socket };
    return request({ hostname, port, method, path: target, headers, ...over });
  }
}

export interface HeldRequest {
  /** Sends the last byte. */
  finish(): Promise<Answer>;
  /** Breaks its connection off. */
  drop(): void;
}

/** The name that streams have for bytes, among those of texts. */
const bytesEncoding = "buffer" as BufferEncoding;

/** A connection that keeps back the last byte of all that was written, until it is let go. */
class HoldingSocket extends Socket {
  #last = Buffer.alloc(0);
  #holds = true;

  override _write(piece: Buffer | string, encoding: BufferEncoding, done: () => void): void {
    const bytes = typeof piece === "string" ? Buffer.from(piece, encoding) : piece;
    if (!this.#holds) {
      super._write(bytes, bytesEncoding, done);
      return;
    }
    const all = Buffer.concat([this.#last, bytes]);
    this.#last = all.subarray(-1);
    super._write(all.subarray(0, -1), bytesEncoding, done);
  }

  override _writev(
    pieces: { chunk: Buffer | string; encoding: BufferEncoding }[],
    done: () => void,
  ): void {
    const bytes = pieces.map(({ chunk, encoding }) =>
      typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk,
    );
    this._write(Buffer.concat(bytes), bytesEncoding, done);
  }

  letGo(): void {
    this.#holds = false;
    this.write(this.#last);
  }
}

function answerTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((done, fail) => {
    outgoing.once("response", done);
    outgoing.on("error", fail);
  });
}

async function readAnswer(incoming: IncomingMessage): Promise<Answer> {
  const body = await buffer(incoming);
  if (!incoming.complete) throw new Error("the answer was cut off");
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body };
}

/** The error code in an answer's body, also in one behind a status of success. */
export function errorCodeOf({ body }: Answer): string | undefined {
  return /<Code>([^<]*)</.exec(body.toString())?.[1];
}

export function headerOf({ headers }: Answer, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
