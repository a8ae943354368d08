import {
  backslash,
  malformed,
  fieldByte,
  lineEnd,
  quote,
  quotedByte,
  incomplete,
  spanEnd,
  tokenByte,
} from "./byte-classes.ts";

/*
 * A body in the chunked transfer coding (RFC 9112, 7.1): sizes and ends of lines to the letter,
 * extensions passed over within a limit, trailers checked and thrown away. What the RFC calls a
 * chunk is a frame here, since chunks are what objects are stored in.
 */

/**
 * Where the decoder stands: before a frame's size, within its bytes, at their end, among the
 * trailers, or behind them.
 */
type State = "size" | "data" | "dataEnd" | "trailers" | "done";

/** @limit Hexadecimal digits of the largest frame: 2^52 bytes, which stay exact in a number. */
const sizeDigitsMax = 13;
/** RFC 9110, 6.5.1: they come too late to say how long the body is. */
const framingFields: ReadonlySet<string> = new Set(["content-length", "transfer-encoding"]);
const semicolon = 0x3b;
const equals = 0x3d;
const colon = 0x3a;
const cr = 0x0d;

export class ChunkedDecoder {
  readonly #linesBytesMax: number;
  readonly #onData: (bytes: Buffer) => void;
  #state: State = "size";
  /** Bytes left of the frame being read. */
  #rest = 0;
  /** Bytes of lines apart from sizes: extensions and trailers, of the whole body. */
  #lineBytes = 0;
  /** The beginning of a line whose end has not come. */
  #line: Buffer | undefined;

  /** @param linesBytesMax for all extensions and trailers together. */
  constructor(linesBytesMax: number, onData: (bytes: Buffer) => void) {
    this.#linesBytesMax = linesBytesMax;
    this.#onData = onData;
  }

  get isDone(): boolean {
    return this.#state === "done";
  }

  /**
   * Takes bytes of the body from `start` on; returns where those behind it begin, `malformed` where
   * it is not well-formed.
   */
  take(data: Buffer, start: number): number {
    let at = start;
    while (at < data.length && this.#state !== "done") {
      at = this.#state === "data" ? this.#takeData(data, at) : this.#takeLine(data, at);
      if (at < 0) return malformed;
    }
    return at;
  }

  #takeData(data: Buffer, at: number): number {
    const end = Math.min(data.length, at + this.#rest);
    this.#onData(at === 0 && end === data.length ? data : data.subarray(at, end));
    this.#rest -= end - at;
    if (this.#rest === 0) this.#state = "dataEnd";
    return end;
  }

  /**
   * A line may come in pieces: it is read when it is whole, or as far as it shows that it is wrong.
   */
  #takeLine(data: Buffer, at: number): number {
    const before = this.#line;
    if (before === undefined) {
      const end = this.#readLine(data, at);
      if (end !== incomplete) return end;
      this.#line = Buffer.from(data.subarray(at));
      return this.#isTooLong(this.#line) ? malformed : data.length;
    }
    this.#line = undefined;
    const line = Buffer.concat([before, data.subarray(at, at + this.#linesBytesMax)]);
    const end = this.#readLine(line, 0);
    if (end !== incomplete) return end < 0 ? end : at + end - before.length;
    this.#line = line;
    return this.#isTooLong(line) ? malformed : data.length;
  }

  #isTooLong(line: Buffer): boolean {
    return this.#lineBytes + line.length > this.#linesBytesMax;
  }

  #readLine(data: Buffer, at: number): number {
    if (this.#state === "size") return this.#readSize(data, at);
    if (this.#state === "trailers") return this.#readTrailer(data, at);
    const end = lineEnd(data, at, data.length);
    if (end >= 0) this.#state = "size";
    return end;
  }

  #readSize(data: Buffer, start: number): number {
    let at = start;
    let size = 0;
    for (; at < data.length; at++) {
      const digit = hexDigit(data[at]!);
      if (digit < 0) break;
      size = size * 16 + digit;
      if (at - start >= sizeDigitsMax) return malformed;
    }
    if (at === data.length) return incomplete;
    if (at === start) return malformed;
    const extensionAt = at;
    while (data[at] === semicolon) {
      at = extensionEnd(data, at + 1);
      if (at < 0) return at;
    }
    const end = lineEnd(data, at, data.length);
    if (end < 0) return end;
    this.#lineBytes += at - extensionAt;
    if (this.#lineBytes > this.#linesBytesMax) return malformed;
    this.#rest = size;
    this.#state = size === 0 ? "trailers" : "data";
    return end;
  }

  #readTrailer(data: Buffer, at: number): number {
    if (data[at] === cr) {
      const end = lineEnd(data, at, data.length);
      if (end >= 0) this.#state = "done";
      return end;
    }
    const nameEnd = spanEnd(data, at, data.length, tokenByte);
    if (nameEnd === data.length) return incomplete;
    if (nameEnd === at || data[nameEnd] !== colon) return malformed;
    if (framingFields.has(data.toString("latin1", at, nameEnd).toLowerCase())) return malformed;
    const end = lineEnd(data, spanEnd(data, nameEnd + 1, data.length, fieldByte), data.length);
    if (end < 0) return end;
    this.#lineBytes += end - at;
    return this.#lineBytes > this.#linesBytesMax ? malformed : end;
  }
}

/**
 * Behind an extension that begins at `start`: a name, and perhaps a token or a quoted string as its
 * value.
 */
function extensionEnd(data: Buffer, start: number): number {
  let at = spanEnd(data, start, data.length, tokenByte);
  if (at === start && at < data.length) return malformed;
  if (data[at] !== equals) return at;
  const valueAt = at + 1;
  if (data[valueAt] !== quote) {
    at = spanEnd(data, valueAt, data.length, tokenByte);
    return at === valueAt && at < data.length ? malformed : at;
  }
  at = spanEnd(data, valueAt + 1, data.length, quotedByte);
  while (data[at] === backslash) {
    const escaped = spanEnd(data, at + 1, Math.min(at + 2, data.length), fieldByte);
    if (escaped === at + 1) return at + 1 === data.length ? incomplete : malformed;
    at = spanEnd(data, escaped, data.length, quotedByte);
  }
  if (at === data.length) return incomplete;
  return data[at] === quote ? at + 1 : malformed;
}

/** Its value, or below zero. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
