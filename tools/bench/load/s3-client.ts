import { type HttpAnswer, HttpConnection, type Place } from "./http-connection.ts";
import { encodePart, encodeQuery, type Identity, Signer, unsignedPayload } from "./signer.ts";

/** A store, and how to speak to it. */
export interface Target extends Identity {
  readonly endpoint: string;
  readonly bucket: string;
  /** `bucket.host/key` instead of `host/bucket/key`. */
  readonly virtualHost: boolean;
  readonly insecure: boolean;
  readonly ca: string | undefined;
  readonly timeoutMs: number;
}

export interface S3Request {
  readonly method: string;
  /** None: the bucket. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** Bytes of the body; zero for none. */
  readonly bodyBytes?: number;
  readonly contentSha256?: string;
}

export interface S3Text {
  readonly status: number;
  readonly text: string;
  readonly firstByteMs: number;
  header(name: string): string | undefined;
}

/** Bytes of answers that are read as text: a page of 1,000 keys of 1 KiB, escaped, fits. */
const textBytesMax = 16 * 1024 ** 2;
const nothing = Buffer.alloc(0);

/** One connection to a store; opened when needed, and again after it broke. */
export class S3Client implements Disposable {
  readonly #place: Place;
  readonly #host: string;
  readonly #base: string;
  readonly #signer: Signer;
  #connection: HttpConnection | undefined;

  constructor(target: Target) {
    const url = new URL(target.endpoint);
    const tls = url.protocol === "https:";
    const bucketHost = `${target.bucket}.${url.hostname}`;
    const hostname = target.virtualHost ? bucketHost : url.hostname;
    const { insecure, ca, timeoutMs } = target;
    const port = Number(url.port) || (tls ? 443 : 80);
    this.#place = { host: hostname.replace(/^\[|\]$/g, ""), port, tls, insecure, ca, timeoutMs };
    this.#host = url.port === "" ? hostname : `${hostname}:${url.port}`;
    this.#base = target.virtualHost ? "/" : `/${target.bucket}`;
    this.#signer = new Signer(target);
  }

  /** The head of a request, signed now: good for 15 minutes. */
  head(request: S3Request): Buffer {
    const { method, key, query = {}, headers = [], bodyBytes = 0 } = request;
    const lines = this.#signer.sign({
      method,
      host: this.#host,
      path: key === undefined ? this.#base : this.#pathOf(key),
      query: encodeQuery(query),
      headers,
      contentSha256: request.contentSha256 ?? unsignedPayload,
    });
    const hasLength = bodyBytes > 0 || method === "PUT" || method === "POST";
    return Buffer.from(`${lines}${hasLength ? `content-length: ${bodyBytes}\r\n` : ""}\r\n`);
  }

  /** Sends what `head` made, with its body behind it or in it. */
  async send(
    head: Buffer,
    options: {
      readonly body?: Iterable<Buffer> | undefined;
      readonly withoutBody?: boolean;
      readonly sink: (piece: Buffer) => void;
    },
  ): Promise<HttpAnswer> {
    const { body, withoutBody = false, sink } = options;
    if (this.#connection?.isOpen !== true)
      this.#connection = await HttpConnection.open(this.#place);
    return this.#connection.send({ bytes: head, body, withoutBody, sink });
  }

  /** A request whose answer is read as text. */
  async text(request: Omit<S3Request, "bodyBytes">, body: Buffer = nothing): Promise<S3Text> {
    const reading = new TextReading();
    const answer = await this.send(this.head({ ...request, bodyBytes: body.length }), {
      body: body.length === 0 ? undefined : [body],
      withoutBody: request.method === "HEAD",
      sink: (piece) => reading.push(piece),
    });
    const { status, firstByteMs } = answer;
    return { status, text: reading.text, firstByteMs, header: (name) => answer.header(name) };
  }

  [Symbol.dispose](): void {
    this.#connection?.close();
  }

  #pathOf(key: string): string {
    const path = key.split("/").map(encodePart).join("/");
    return this.#base === "/" ? `/${path}` : `${this.#base}/${path}`;
  }
}

/** The body of an answer that is short, as all XML of S3 is. */
export class TextReading {
  readonly #pieces: Buffer[] = [];
  #bytes = 0;

  get text(): string {
    return Buffer.concat(this.#pieces).toString();
  }

  push(piece: Buffer): void {
    this.#bytes += piece.length;
    if (this.#bytes > textBytesMax) throw new Error(`an answer of more than ${textBytesMax} bytes`);
    this.#pieces.push(Buffer.from(piece));
  }
}

/** S3's code in an error's body, with the status; the status alone where there is none. */
export function errorOf(status: number, text: string): string {
  const code = /<Code>([^<]{1,60})<\/Code>/.exec(text)?.[1];
  return code === undefined ? `HTTP ${status}` : `${status} ${code}`;
}

/** The text of each element of this name, with XML's escapes undone. */
export function elements(xml: string, name: string): string[] {
  const found = xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"));
  return [...found].map(([, text = ""]) => unescapeXml(text));
}

const entities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

function unescapeXml(text: string): string {
  return text.replace(/&(#x[0-9a-f]+|#\d+|\w+);/gi, (whole, name: string) => {
    if (!name.startsWith("#")) return entities[name] ?? whole;
    const isHex = name[1]?.toLowerCase() === "x";
    return String.fromCodePoint(Number.parseInt(name.slice(isHex ? 2 : 1), isHex ? 16 : 10));
  });
}

export function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
