/**
 * The decoder of `aws-chunked` bodies (AWS: "Transferring Payload in Multiple Chunks", "Including
 * Trailing Headers", S3's API reference):
 *
 *     <size, hexadecimal>[;chunk-signature=<64 digits>] CRLF <bytes> CRLF      any number of times
 *     0[;chunk-signature=<64 digits>] CRLF
 *     <name>:<value> CRLF                          with a trailer; its signature comes last
 *     CRLF                                         S3 needs none, and ignores what follows
 *
 * S3 calls each of them a chunk, and so do messages to clients; here it is a frame, since chunks
 * are what objects are stored in. Each frame's signature covers the one before it, so that frames
 * can't be left out or change places; the first is chained to the request's own. Bytes are handed
 * on as they come and judged when their frame ends: what is held does not depend on the size of
 * frames, which the client chooses.
 */
import { noBytes } from "../base/bytes.ts";
import type { Hash, Hasher } from "../platform/hash.ts";
import { type FramedPayload, type PayloadDecoder } from "./payload.ts";
import { BodyFault } from "../platform/body-fault.ts";
import {
  type FrameSigning,
  frameStringToSign,
  sameSignature,
  trailerStringToSign,
} from "./signature-v4.ts";

/**
 * @limit 16 digits of size, 17 of ";chunk-signature=", 64 of signature, and an extension
 * nobody uses.
 */
const frameLineBytesMax = 256;
/** @limit All trailing headers with their signature; the longest checksum takes 120 bytes. */
const trailerBytesMax = 4096;
/** @limit Bytes that may follow the end, unread: another line end or two. */
const afterBytesMax = 4096;
/**
 * @limit S3's rule for signed frames but the last: each costs two HMACs' time, whatever its size.
 */
const signedFrameBytesMin = 8192;

export const trailerSignatureHeader = "x-amz-trailer-signature";

const lineFeed = 0x0a;
const noTrailers: ReadonlyMap<string, string> = new Map();

/** The element of the framing that comes next in the body. */
type Next = "frame line" | "frame" | "frame end" | "trailer" | "after";

/** Takes the framing off, piece by piece as the body comes. */
export class AwsChunkedDecoder implements PayloadDecoder {
  readonly #trailers = new Map<string, string>();
  readonly #payload: FramedPayload;
  readonly #chain: SignatureChain | undefined;
  #next: Next = "frame line";
  /** The line so far that stands next; one character a byte. */
  #line = "";
  /** Payload bytes that are still to come, of the whole and of the frame at hand. */
  #restBytes: number;
  #frameRestBytes = 0;
  #frame: FrameLine = { bytes: Infinity, signature: undefined };
  #frames = 0;
  #trailerRestBytes = trailerBytesMax;
  #afterBytes = 0;

  constructor(hash: Hash, payload: FramedPayload) {
    this.#payload = payload;
    this.#restBytes = payload.decodedBytes;
    this.#chain = payload.signing && new SignatureChain(hash, payload.signing);
  }

  get trailers(): ReadonlyMap<string, string> {
    return this.#next === "after" ? this.#trailers : noTrailers;
  }

  get isPastEnd(): boolean {
    return this.#afterBytes >= afterBytesMax;
  }

  push(piece: Uint8Array): readonly Uint8Array[] {
    const spans: Uint8Array[] = [];
    for (let at = 0; at < piece.length;) {
      if (this.#next === "frame") {
        const span = piece.subarray(at, at + this.#frameRestBytes);
        at += span.length;
        this.#takeBytes(span);
        spans.push(span);
      } else if (this.#next === "after") {
        this.#afterBytes += piece.length - at;
        break;
      } else {
        at = this.#readLine(piece, at);
      }
    }
    return spans;
  }

  end(): void {
    switch (this.#next) {
      case "frame line":
        throw incomplete("within a chunk's first line");
      case "frame":
        throw incomplete(`${this.#frameRestBytes} bytes before the end of a chunk`);
      case "frame end":
        throw incomplete("behind a chunk's bytes");
      case "trailer":
        if (this.#line !== "") throw incomplete("within the trailer");
        this.#endTrailers();
        return;
      case "after":
        return;
    }
  }

  /**
   * Reads on in the line that stands next, and takes it where it ends in this piece; the place
   * behind what was read.
   */
  #readLine(piece: Uint8Array, start: number): number {
    const bytesMax = this.#lineBytesMax() + 2;
    for (let at = start; at < piece.length;) {
      const lineFeedAt = piece.indexOf(lineFeed, at);
      const lineEnd = lineFeedAt < 0 ? piece.length : lineFeedAt + 1;
      const end = Math.min(lineEnd, at + bytesMax - this.#line.length);
      this.#line += String.fromCharCode(...piece.subarray(at, end));
      at = end;
      if (this.#line.endsWith("\r\n")) {
        const line = this.#line.slice(0, -2);
        this.#line = "";
        this.#takeLine(line);
        return at;
      }
      if (this.#line.length >= bytesMax) throw this.#tooLong();
    }
    return piece.length;
  }

  #lineBytesMax(): number {
    if (this.#next === "frame line") return frameLineBytesMax;
    return this.#next === "trailer" ? this.#trailerRestBytes : 0;
  }

  #tooLong(): BodyFault {
    if (this.#next === "frame line") {
      return framing(`a chunk's first line exceeds ${frameLineBytesMax} bytes`);
    }
    if (this.#next === "trailer") {
      return malformedTrailer(`the trailer exceeds ${trailerBytesMax} bytes`);
    }
    return framing("a chunk is longer than its size says");
  }

  #takeLine(line: string): void {
    if (this.#next === "frame line") this.#beginFrame(parseFrameLine(line));
    else if (this.#next === "trailer") this.#takeTrailer(line);
    else if (line === "") this.#next = "frame line";
    else throw framing("a chunk is longer than its size says");
  }

  #beginFrame(frame: FrameLine): void {
    const before = this.#frame;
    if (frame.bytes > this.#restBytes) {
      throw wrongLength(this.#payload, frame.bytes - this.#restBytes);
    }
    // Judged by what follows: a small one is the last of a body that is shorter than it said.
    const isLast = frame.bytes === 0;
    this.#frames += 1;
    if (this.#chain && before.bytes < signedFrameBytesMin && !isLast) {
      throw tooSmall(this.#frames, before.bytes);
    }
    this.#frame = frame;
    this.#restBytes -= frame.bytes;
    this.#frameRestBytes = frame.bytes;
    if (!isLast) {
      this.#next = "frame";
      return;
    }
    this.#chain?.endFrame(frame.signature);
    if (this.#restBytes > 0) throw wrongLength(this.#payload, -this.#restBytes);
    this.#next = "trailer";
  }

  #takeBytes(bytes: Uint8Array): void {
    this.#chain?.update(bytes, this.#frame.bytes);
    this.#frameRestBytes -= bytes.length;
    if (this.#frameRestBytes > 0) return;
    this.#chain?.endFrame(this.#frame.signature);
    this.#next = "frame end";
  }

  #takeTrailer(line: string): void {
    if (line === "") {
      this.#endTrailers();
      return;
    }
    if (!this.#payload.trailer) throw framing("a trailer that was not announced");
    this.#trailerRestBytes -= line.length;
    const [name, value] = parseTrailer(line);
    this.#trailers.set(name, value); // of several, S3 takes the last
  }

  #endTrailers(): void {
    this.#chain?.checkTrailers(this.#trailers, this.#payload.trailer);
    this.#next = "after";
  }
}

/** Verifies signatures that are chained to each other, the first to the request's. */
class SignatureChain {
  readonly #hash: Hash;
  readonly #signing: FrameSigning;
  #previous: string;
  /** Hashes the current frame, if it comes in several pieces. */
  #hasher: Hasher | undefined;
  #sha256: Uint8Array | undefined;

  constructor(hash: Hash, signing: FrameSigning) {
    this.#hash = hash;
    this.#signing = signing;
    this.#previous = signing.seedSignature;
  }

  /** @param frameBytes of the whole frame: one that comes in one piece needs no hasher. */
  update(bytes: Uint8Array, frameBytes: number): void {
    if (bytes.length === frameBytes) {
      this.#sha256 = this.#hash.digest("sha256", bytes);
      return;
    }
    this.#hasher ??= this.#hash.create("sha256");
    this.#hasher.update(bytes);
  }

  endFrame(provided: string | undefined): void {
    if (provided === undefined) throw framing("a chunk without its signature");
    const sha256 = this.#hasher?.digest() ?? this.#sha256 ?? this.#hash.digest("sha256", noBytes);
    const frame = { previousSignature: this.#previous, sha256 };
    this.#previous = this.#check(frameStringToSign(this.#signing, frame), provided);
    this.#hasher = undefined;
    this.#sha256 = undefined;
  }

  /** Takes the signature out of the trailers, where it stands among what it signs. */
  checkTrailers(trailers: Map<string, string>, expected: boolean): void {
    if (!expected) return;
    const provided = trailers.get(trailerSignatureHeader);
    if (provided === undefined) throw incomplete("before the trailer's signature");
    trailers.delete(trailerSignatureHeader);
    const signed = { previousSignature: this.#previous, trailers };
    this.#check(trailerStringToSign(this.#hash, this.#signing, signed), provided);
  }

  #check(stringToSign: string, provided: string): string {
    const expected = this.#hash.hmacSha256Text(this.#signing.key, stringToSign);
    if (sameSignature(expected, provided)) return expected;
    const message = "the signature of a chunk does not match it";
    throw new BodyFault("signature_mismatch", message, {
      kind: "signature",
      stringToSign,
      provided,
    });
  }
}

interface FrameLine {
  readonly bytes: number;
  readonly signature: string | undefined;
}

/** An extension of a frame in HTTP's form: a name, and perhaps a value. */
const extensionForm = /^[\w!#$%&'*+.^`|~-]+(?:=[^\s"]+|="[^"]*")?$/;

/** The blanks that HTTP once allowed, and S3 does. */
const aroundEquals = /\s*=\s*/;

/**
 * Thirteen digits hold any size below 2^52. Extensions that we do not know are passed over, as
 * HTTP's are.
 */
function parseFrameLine(line: string): FrameLine {
  const [size = "", ...extensions] = line
    .split(";")
    .map((each) => each.trim().replace(aroundEquals, "="));
  if (!/^[0-9a-fA-F]{1,13}$/.test(size)) throw framing("a chunk has no valid size");
  if (!extensions.every((each) => extensionForm.test(each))) {
    throw framing("what stands behind a chunk's size is no extension");
  }
  const prefix = "chunk-signature=";
  const signature = extensions.find((each) => each.startsWith(prefix));
  return { bytes: Number.parseInt(size, 16), signature: signature?.slice(prefix.length) };
}

/**
 * Some clients end a value with \n before the CRLF, as AWS's own example once did: trimmed like
 * other space.
 */
function parseTrailer(line: string): readonly [name: string, value: string] {
  const match = /^([A-Za-z0-9-]+):([^\r]*)$/.exec(line);
  if (match === null) throw malformedTrailer("a trailing header is malformed");
  return [match[1]!.toLowerCase(), match[2]!.trim()];
}

/** @param moreBytes than declared, or fewer. */
function wrongLength({ decodedBytes: expected }: FramedPayload, moreBytes: number): BodyFault {
  const provided = expected + moreBytes;
  const message = `The chunks hold ${provided} bytes, not the ${expected} that were declared.`;
  return new BodyFault("length", message, { kind: "length", expected, provided });
}

/** S3 names the frame that follows the small one. */
function tooSmall(number: number, bytes: number): BodyFault {
  const message = `A chunk of ${bytes} bytes is not the last one.`;
  return new BodyFault("frame_size", message, { kind: "frame", number, bytes });
}

function framing(problem: string): BodyFault {
  return new BodyFault("framing", `The body is not well-formed aws-chunked: ${problem}.`);
}

function incomplete(where: string): BodyFault {
  return new BodyFault("incomplete", `The body ended ${where}.`);
}

function malformedTrailer(problem: string): BodyFault {
  return new BodyFault("trailer", `The trailer is malformed: ${problem}.`);
}
