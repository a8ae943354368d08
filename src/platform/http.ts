/**
 * An HTTP exchange as protocol code sees it; `node/` and the simulator bridge to real or imagined
 * sockets.
 */

/** Header names in lower case; a header sent several times has several entries. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

export interface HttpRequest {
  readonly head: RequestHead;
  readonly secure: boolean;
  /** The peer's address, for logs; undefined once the peer has gone. */
  readonly remoteAddress: string | undefined;
  /**
   * The body's bytes, pulled; transfer-encoding is undone, nothing else. With `Expect:
   * 100-continue`, the interim answer is sent at the first pull. Ends early with StoreError
   * `cancelled` if the peer leaves, `stalled` if it is too slow, and with BodyFault where it is
   * not whole or not well-formed. Pieces are the reader's to keep: a piece that is alone in its
   * memory may be freed.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /**
   * Bytes of `body` as announced, 0 where the request has none; undefined where the body comes in
   * the chunked transfer coding.
   */
  readonly contentLength: number | undefined;
  /**
   * The whole of an announced body as one value, in place of `body`: only one of the two is read,
   * and once. The bytes themselves where they have arrived already, else a promise, which fails as
   * `body` does. The bytes are the reader's.
   *
   * @param bytesMax the most that is announced; the caller has looked.
   */
  readWhole(bytesMax: number): Uint8Array | Promise<Uint8Array>;
  /** Aborts when the peer leaves or the server must stop. */
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /**
   * `content-length` is set by the server for byte bodies; a streamed body states its own or is
   * chunked.
   */
  readonly headers: HeaderList;
  /**
   * A streamed one is iterated in any case, though perhaps not to its end: then it lets go of what
   * it holds. Each of its pieces lasts until the next is asked for, which is not before this one
   * has left.
   */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array> | undefined;
}

/** Answers with the value itself where nothing has to be waited for. */
export type HttpHandler = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>;

/**
 * The part of a request before its body, parsed once where the socket is: all code that verifies,
 * routes or serves it reads this and nothing else. Targets and header values are what HTTP carries:
 * bytes, one character each.
 */

/** Headers by lower-case name; what was sent several times is joined as HTTP allows. */
export type Headers = ReadonlyMap<string, string>;

/**
 * Names and values are decoded to bytes, one character each. A parameter without `=` has an empty
 * value.
 */
export interface QueryParameter {
  /** The parameter as sent, undecoded. */
  readonly raw: string;
  readonly name: string;
  readonly value: string;
}

export interface RequestHead {
  readonly method: string;
  /** The request target as sent: path and query, undecoded. */
  readonly target: string;
  /** The target up to its query, undecoded. */
  readonly path: string;
  /** The parameters in the order sent, without empty ones. */
  readonly query: readonly QueryParameter[];
  /**
   * False where the query has more parameters than are read, or a `%` that no two hexadecimal
   * digits follow.
   */
  readonly isQueryReadable: boolean;
  /**
   * The name of the host that was asked, in lower case, without port and without the dot of the
   * root; empty where the request names none.
   */
  readonly host: string;
  readonly headers: Headers;
}

type Query = Pick<RequestHead, "query" | "isQueryReadable">;

const noQuery: Query = { query: [], isQueryReadable: true };

/** @limit More than any operation has; a URL may be 16 KiB long. */
const queryParametersMax = 100;

export function requestHead(method: string, target: string, headers: Headers): RequestHead {
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const { query, isQueryReadable } = mark < 0 ? noQuery : parseQuery(target.slice(mark + 1));
  const host = hostName(headers.get("host") ?? "");
  return { method, target, path, query, isQueryReadable, host, headers };
}

function hostName(host: string): string {
  return host.toLowerCase().replace(/\.?(?::\d*)?$/, "");
}

export function headersByName(list: HeaderList): Headers {
  const headers = new Map<string, string>();
  for (const [name, value] of list) addHeader(headers, name, value);
  return headers;
}

/** Adds a header to those before it. */
export function addHeader(headers: Map<string, string>, name: string, value: string): void {
  const earlier = headers.get(name);
  headers.set(name, earlier === undefined ? value : `${trimBlanks(earlier)},${trimBlanks(value)}`);
}

/** Removes the blanks that HTTP allows around a value. */
export function trimBlanks(value: string): string {
  return value.replace(/^[ \t]+|[ \t]+$/g, "");
}

function parseQuery(text: string): Query {
  const query: QueryParameter[] = [];
  // Empty ones are counted, too.
  const sent = text.split("&", queryParametersMax + 1);
  let isQueryReadable = sent.length <= queryParametersMax;
  for (const raw of sent) {
    if (raw === "") continue;
    if (raw.includes("%") && /%(?![0-9A-Fa-f]{2})/.test(raw)) isQueryReadable = false;
    const equals = raw.indexOf("=");
    const name = decode(equals < 0 ? raw : raw.slice(0, equals));
    const value = equals < 0 ? "" : decode(raw.slice(equals + 1));
    query.push({ raw, name, value });
  }
  return { query, isQueryReadable };
}

/**
 * Decodes names and values as forms write them: `+` is a space. A `%` that no two hexadecimal
 * digits follow stays as it is.
 */
function decode(text: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  return percentDecodeBytes(spaced);
}

/** Bytes, one character each. */
export function percentDecodeBytes(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
