import { concatBytes, noBytes, tryDecodeUtf8 } from "../../base/bytes.ts";
import type { PieceDecoder } from "../../platform/piece-decoder.ts";
import { S3Error } from "../errors.ts";

// multipart/form-data (RFC 7578, RFC 2046) as a stream of parts, one piece of the body in memory at
// a time. A part has to be read to its end before the next one begins. What is not well-formed is
// refused; only a preamble, padding behind a boundary and an epilogue are let pass, as the RFC
// demands.

/** @limit RFC 2046. */
const boundaryLengthMax = 70;

/**
 * @limit Bytes of the head of one part. Three lines are usual, and a file's name has at most 255
 * bytes on any system.
 */
const partHeadBytesMax = 4096;

export interface PartHead {
  readonly name: string;
  /**
   * The file name as sent, with the path before it, if any; undefined where there is no such
   * parameter.
   */
  readonly filename: string | undefined;
}

/**
 * The boundary that a request's `content-type` names; undefined where it is not
 * multipart/form-data.
 */
export function formBoundary(contentType: string | undefined): string | undefined {
  const [type = "", ...rest] = (contentType ?? "").split(";");
  if (type.trim().toLowerCase() !== "multipart/form-data") return undefined;
  const boundary = parametersOf(`;${rest.join(";")}`)?.get("boundary") ?? "";
  if (boundary.length > boundaryLengthMax || !/^[\x20-\x7e]*[\x21-\x7e]$/.test(boundary)) {
    throw malformedForm();
  }
  return boundary;
}

export function malformedForm(): S3Error {
  return new S3Error("MalformedPOSTRequest");
}

export class MultipartBody {
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #decoder: PieceDecoder;
  readonly #delimiter: Uint8Array;
  /**
   * Bytes of the body that are not handed out yet. The first boundary stands at a line's start
   * without a line before it.
   */
  #ahead: Uint8Array = Uint8Array.of(carriageReturn, lineFeed);
  #received = 0;
  #inPart = true;

  /** @param decoder takes the form out of the body as sent. */
  constructor(body: AsyncIterable<Uint8Array>, decoder: PieceDecoder, boundary: string) {
    this.#pieces = body[Symbol.asyncIterator]();
    this.#decoder = decoder;
    this.#delimiter = Uint8Array.from(`\r\n--${boundary}`, (character) => character.charCodeAt(0));
  }

  /** Bytes of the body that were handed out or passed over. */
  get readBytes(): number {
    return this.#received - this.#ahead.length;
  }

  /** The next part; what is left of the one before is passed over. Undefined behind the last. */
  async next(): Promise<PartHead | undefined> {
    while ((await this.read()) !== undefined);
    if (await this.#isClosed()) return undefined;
    const head = parseHead(await this.#head());
    this.#inPart = true;
    return head;
  }

  /**
   * The next bytes of the part that `next` has found, or before that of what stands before all
   * parts; undefined at its end.
   */
  async read(): Promise<Uint8Array | undefined> {
    while (this.#inPart) {
      const at = indexOfBytes(this.#ahead, this.#delimiter);
      const end = at < 0 ? startOfPartial(this.#ahead, this.#delimiter) : at;
      const bytes = this.#ahead.subarray(0, end);
      this.#inPart = at < 0;
      this.#ahead = this.#ahead.subarray(at < 0 ? end : end + this.#delimiter.length);
      if (bytes.length > 0) return bytes;
      if (this.#inPart && !(await this.#more())) throw malformedForm();
    }
    return undefined;
  }

  /** The next bytes behind the last part; undefined at the body's end. */
  async readEpilogue(): Promise<Uint8Array | undefined> {
    do {
      const bytes = this.#ahead;
      this.#ahead = noBytes;
      if (bytes.length > 0) return bytes;
    } while (await this.#more());
    return undefined;
  }

  /** Lets go of the body. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  /**
   * Behind a boundary: two hyphens close the body, else there may be spaces and must be a line's
   * end.
   */
  async #isClosed(): Promise<boolean> {
    while (this.#ahead.length < 2) if (!(await this.#more())) throw malformedForm();
    if (this.#ahead[0] === hyphen && this.#ahead[1] === hyphen) {
      this.#ahead = this.#ahead.subarray(2);
      return true;
    }
    if (/[^\t ]/.test(await this.#line(partHeadBytesMax))) throw malformedForm();
    return false;
  }

  async #head(): Promise<readonly string[]> {
    const lines: string[] = [];
    let bytesLeft = partHeadBytesMax;
    for (;;) {
      const line = await this.#line(bytesLeft);
      if (line === "") return lines;
      bytesLeft -= line.length;
      lines.push(line);
    }
  }

  /** The next line, which is UTF-8 and ends in CRLF, without it. */
  async #line(bytesMax: number): Promise<string> {
    for (;;) {
      const end = this.#ahead.indexOf(lineFeed);
      if ((end < 0 ? this.#ahead.length : end) > bytesMax) throw malformedForm();
      if (end >= 0) {
        const line = tryDecodeUtf8(this.#ahead.subarray(0, end));
        if (line?.at(-1) !== "\r") throw malformedForm();
        this.#ahead = this.#ahead.subarray(end + 1);
        return line.slice(0, -1);
      }
      if (!(await this.#more())) throw malformedForm();
    }
  }

  async #more(): Promise<boolean> {
    const next = this.#decoder.isPastEnd ? undefined : await this.#pieces.next();
    if (next === undefined || next.done === true) {
      this.#decoder.end();
      return false;
    }
    const decoded = concatBytes(this.#decoder.push(next.value));
    this.#received += decoded.length;
    this.#ahead = this.#ahead.length === 0 ? decoded : concatBytes([this.#ahead, decoded]);
    return true;
  }
}

const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const hyphen = 0x2d;

/** Where the delimiter stands, which begins with a carriage return and has no other. */
function indexOfBytes(bytes: Uint8Array, delimiter: Uint8Array): number {
  const last = bytes.length - delimiter.length;
  let at = bytes.indexOf(carriageReturn);
  while (at >= 0 && at <= last) {
    if (isAt(bytes, at, delimiter, delimiter.length)) return at;
    at = bytes.indexOf(carriageReturn, at + 1);
  }
  return -1;
}

/** Where the bytes end in what may be the delimiter's beginning; their end where they do not. */
function startOfPartial(bytes: Uint8Array, delimiter: Uint8Array): number {
  const at = bytes.lastIndexOf(carriageReturn);
  const length = bytes.length - at;
  if (at < 0 || length >= delimiter.length) return bytes.length;
  return isAt(bytes, at, delimiter, length) ? at : bytes.length;
}

function isAt(bytes: Uint8Array, at: number, delimiter: Uint8Array, length: number): boolean {
  for (let i = 1; i < length; i++) if (bytes[at + i] !== delimiter[i]) return false;
  return true;
}

function parseHead(lines: readonly string[]): PartHead {
  const fields = lines.map((line) => {
    const colon = line.indexOf(":");
    if (colon < 1) throw malformedForm();
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1)] as const;
  });
  const dispositions = fields.filter(([name]) => name === "content-disposition");
  const [, type, rest] = /^\s*([^;\s]*)\s*(.*)$/.exec(dispositions[0]?.[1] ?? "") ?? [];
  const parameters = parametersOf(rest ?? "");
  const name = parameters?.get("name");
  if (dispositions.length !== 1 || type?.toLowerCase() !== "form-data" || name === undefined) {
    throw malformedForm();
  }
  return { name, filename: parameters?.get("filename") };
}

/**
 * `; name="value"; other=value`, names in lower case; undefined where it is something else. A
 * backslash stands for itself, as in the paths that old browsers send, unless a quote or a
 * backslash follows.
 */
function parametersOf(text: string): ReadonlyMap<string, string> | undefined {
  const parameters = new Map<string, string>();
  const pattern = /\s*;\s*(?:([^\s;="]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*)))?/y;
  while (pattern.lastIndex < text.trimEnd().length) {
    const match = pattern.exec(text);
    if (match === null) return undefined;
    const [, name, quoted, token] = match;
    if (name === undefined) continue;
    const key = name.toLowerCase();
    if (parameters.has(key)) return undefined;
    parameters.set(key, quoted?.replace(/\\(["\\])/g, "$1") ?? token ?? "");
  }
  return parameters;
}
