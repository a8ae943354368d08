import { addHeader, type Headers, type RequestHead, requestHead } from "../../platform/http.ts";
import type { HttpRefusal } from "../../s3/bare-answer.ts";
import {
  malformed,
  fieldByte,
  lineEnd,
  incomplete,
  spanEnd,
  targetByte,
  tokenByte,
} from "./byte-classes.ts";

/*
 * The head of a request, out of the bytes of a connection: as strict as RFC 9112 allows, because
 * what a proxy in front reads differently is how requests are smuggled. All bytes are checked once,
 * in place; then the text is made and cut.
 */

/** The part of a request before its body. */
export interface ReceivedHead extends BodyFraming {
  /** Its target is in origin form: that of a whole URL is its path and query. */
  readonly head: RequestHead;
  /** HTTP/1.0 has no chunked answers and no interim ones. */
  readonly isVersion10: boolean;
  /** Where the bytes behind it begin. */
  readonly end: number;
}

export interface HeadLimits {
  /** Bytes from the start of a request to the end of its headers. */
  readonly headerBytes: number;
  readonly headers: number;
}

const space = 0x20;
const tab = 0x09;
const colon = 0x3a;
const cr = 0x0d;
const digitZero = 0x30;
const digitOne = 0x31;
const versionBytes = Buffer.from(" HTTP/1.", "latin1");
/** Positions noted of each header: where its name begins and ends, and its value. */
const positionsPerHeader = 4;

/**
 * Methods of HTTP's registry: to them S3 answers 405 where it has no such operation. What is none
 * of them is no HTTP.
 */
const methods: ReadonlySet<string> = new Set(
  (
    "GET HEAD PUT POST DELETE OPTIONS PATCH TRACE ACL BIND CHECKOUT COPY LINK LOCK M-SEARCH MERGE MKACTIVITY " +
    "MKCALENDAR MKCOL MOVE NOTIFY PROPFIND PROPPATCH PURGE QUERY REBIND REPORT SEARCH SUBSCRIBE UNBIND UNLINK UNLOCK " +
    "UNSUBSCRIBE"
  ).split(" "),
);
/** @limit A longer word is no method: the parser does not wait for its end. */
const methodBytesMax = 16;
const beginsMethod = (text: string): boolean =>
  [...methods].some((method) => method.startsWith(text));

/** One for a server: what it notes while it reads is of no use afterwards. */
export class HeadParser {
  readonly #limits: HeadLimits;
  readonly #positions: Uint32Array;
  #count = 0;
  #method = "";
  #methodEnd = 0;
  #targetEnd = 0;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
    this.#positions = new Uint32Array(positionsPerHeader * (limits.headers + 1));
  }

  /**
   * The head that begins at `start`; `partial` where what is there is well-formed, but not all of
   * one.
   */
  parse(data: Buffer, start: number): ReceivedHead | HttpRefusal | "partial" {
    const stop = Math.min(data.length, start + this.#limits.headerBytes);
    let lineAt = start;
    while (data[lineAt] === cr && lineAt < stop) {
      // RFC 9112, 2.2: empty lines before a request are passed over.
      const behind = lineEnd(data, lineAt, stop);
      if (behind < 0) return this.#problem(behind, stop - start);
      lineAt = behind;
    }
    let at = this.#requestLine(data, lineAt, stop);
    this.#count = 0;
    while (at > 0 && data[at] !== cr && this.#count <= this.#limits.headers) {
      at = this.#headerLine(data, at, stop);
    }
    if (this.#count > this.#limits.headers) return "headersTooLarge";
    const end = at < 0 ? at : lineEnd(data, at, stop);
    return end < 0 ? this.#problem(end, stop - start) : this.#head(data, lineAt, end);
  }

  #problem(reason: number, bytes: number): HttpRefusal | "partial" {
    if (reason !== incomplete) return "malformed";
    return bytes < this.#limits.headerBytes ? "partial" : "headersTooLarge";
  }

  /** Method, target and version, with single spaces between them. */
  #requestLine(data: Buffer, at: number, stop: number): number {
    const methodEnd = spanEnd(data, at, Math.min(stop, at + methodBytesMax), tokenByte);
    this.#method = data.toString("latin1", at, methodEnd);
    if (methodEnd === stop) return beginsMethod(this.#method) ? incomplete : malformed;
    if (data[methodEnd] !== space || !methods.has(this.#method)) return malformed;
    const targetEnd = spanEnd(data, methodEnd + 1, stop, targetByte);
    if (targetEnd === methodEnd + 1 && targetEnd < stop) return malformed;
    for (let i = 0; i < versionBytes.length; i++) {
      if (targetEnd + i >= stop) return incomplete;
      if (data[targetEnd + i] !== versionBytes[i]) return malformed;
    }
    const minorAt = targetEnd + versionBytes.length;
    if (minorAt >= stop) return incomplete;
    if (data[minorAt] !== digitZero && data[minorAt] !== digitOne) return malformed;
    this.#methodEnd = methodEnd;
    this.#targetEnd = targetEnd;
    return lineEnd(data, minorAt + 1, stop);
  }

  /** A line folded over several begins with a blank, which is no name. */
  #headerLine(data: Buffer, at: number, stop: number): number {
    const nameEnd = spanEnd(data, at, stop, tokenByte);
    if (nameEnd >= stop) return incomplete;
    if (nameEnd === at || data[nameEnd] !== colon) return malformed;
    let valueAt = nameEnd + 1;
    const valueStop = spanEnd(data, valueAt, stop, fieldByte);
    while (valueAt < valueStop && isBlank(data[valueAt]!)) valueAt++;
    let valueEnd = valueStop;
    while (valueEnd > valueAt && isBlank(data[valueEnd - 1]!)) valueEnd--;
    const noted = positionsPerHeader * this.#count++;
    this.#positions[noted] = at;
    this.#positions[noted + 1] = nameEnd;
    this.#positions[noted + 2] = valueAt;
    this.#positions[noted + 3] = valueEnd;
    return lineEnd(data, valueStop, stop);
  }

  #head(data: Buffer, start: number, end: number): ReceivedHead | HttpRefusal {
    // One text, of which all others are parts.
    const text = data.toString("latin1", start, end);
    const target = originForm(text.slice(this.#methodEnd + 1 - start, this.#targetEnd - start));
    if (target === undefined) return "malformed";
    const isVersion10 = data[this.#targetEnd + versionBytes.length] === digitZero;
    const headers = new Map<string, string>();
    const positions = this.#positions;
    for (let i = 0; i < this.#count * positionsPerHeader; i += positionsPerHeader) {
      const name = text.slice(positions[i]! - start, positions[i + 1]! - start).toLowerCase();
      const value = text.slice(positions[i + 2]! - start, positions[i + 3]! - start);
      addHeader(headers, name, value);
    }
    const framing = framingOf(headers, isVersion10);
    if (typeof framing === "string") return framing;
    const { bodyBytes, keepsAlive, expectsContinue } = framing;
    const head = requestHead(this.#method, target, headers);
    return { head, isVersion10, keepsAlive, expectsContinue, bodyBytes, end };
  }
}

const isBlank = (byte: number): boolean => byte === space || byte === tab;

/** RFC 3986, 3.2: what may name a host, with a user before it and a port behind it. */
const urlStart = /^([a-z]+):\/\/[\w\-.!~*'()%;:&=+$,@[\]]+(?=[/?]|$)/i;

/**
 * Proxies, and SDKs that think there is one, send the whole URL as the target: it means its path
 * and query. Undefined for what is neither that, nor a path, nor `*`.
 */
function originForm(target: string): string | undefined {
  if (target.startsWith("/") || target === "*") return target;
  const [whole, scheme] = urlStart.exec(target) ?? [];
  if (whole === undefined) return undefined;
  if (!/^https?$/i.test(scheme!)) return target;
  const rest = target.slice(whole.length);
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/** How a request's body is delimited, and what its client wants of the connection. */
export interface BodyFraming {
  /** Bytes of the body; undefined: it is chunked. */
  readonly bodyBytes: number | undefined;
  /** True if the client may send another request on this connection. */
  readonly keepsAlive: boolean;
  /**
   * True if the client waits for 100 Continue before it sends the body. Other expectations are
   * ignored.
   */
  readonly expectsContinue: boolean;
}

/**
 * @limit Digits of the largest length taken: 10^15 bytes stay exact in a number, and S3's objects
 * are far smaller.
 */
const lengthDigitsMax = 15;

/**
 * RFC 9112, 6.3, without its leniency: one length or one coding, each once. What was sent twice is
 * joined by commas, which neither has; nor has Host, of which a proxy in front may have read the
 * other one.
 */
export function framingOf(headers: Headers, isVersion10: boolean): BodyFraming | HttpRefusal {
  const host = headers.get("host");
  if (host === undefined ? !isVersion10 : host.includes(",")) return "malformed";
  const bodyBytes = lengthOf(headers.get("content-length"), headers.get("transfer-encoding"));
  if (typeof bodyBytes === "string") return bodyBytes;
  const connection = headers.get("connection");
  const keepsAlive =
    connection === undefined
      ? !isVersion10
      : !hasToken(connection, "close") && (!isVersion10 || hasToken(connection, "keep-alive"));
  const expected = isVersion10 ? undefined : headers.get("expect");
  const expectsContinue = expected !== undefined && hasToken(expected, "100-continue");
  return { bodyBytes, keepsAlive, expectsContinue };
}

function lengthOf(
  length: string | undefined,
  coding: string | undefined,
): number | undefined | HttpRefusal {
  if (coding !== undefined) {
    if (length !== undefined) return "malformed";
    // A body in another coding would be stored in that coding.
    return coding.toLowerCase() === "chunked" ? undefined : "transferEncoding";
  }
  if (length === undefined) return 0;
  return /^\d+$/.test(length) && length.length <= lengthDigitsMax ? Number(length) : "malformed";
}

/** True if the list in the header's value has this token. */
function hasToken(value: string, token: string): boolean {
  if (value === token) return true;
  return value
    .toLowerCase()
    .split(/[\s,]+/)
    .includes(token);
}
