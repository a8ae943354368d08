/**
 * The decoder of `aws-chunked` bodies (AWS: "Transferring Payload in Multiple Chunks", "Including
 * Trailing Headers", S3's API reference):
 *
 *     <size, hexadecimal>[;chunk-signature=<64 digits>] CRLF <bytes> CRLF      any number of times
 *     0[;chunk-signature=<64 digits>] CRLF
 *     <name>:<value> CRLF                          with a trailer; its signature comes last
 *     CRLF                                         S3 needs none, and ignores what follows
 *
 * Each chunk's signature covers the one before it, so that chunks can't be left out or change
 * places; the first is chained to the request's own. Bytes are handed on as they come and judged
 * when their chunk ends: what is held does not depend on the size of chunks, which the client
 * chooses.
 */
import { noBytes } from "../base/bytes.ts";
import type { Hash, Hasher } from "../platform/hash.ts";
import { type ChunkedPayload, type PayloadDecoder, PayloadError } from "./payload.ts";
import {
  type ChunkSigning,
  chunkStringToSign,
  sameSignature,
  trailerStringToSign,
} from "./signature-v4.ts";

/**
 * @limit 16 digits of size, 17 of ";chunk-signature=", 64 of signature, and an extension
 * nobody uses.
 */
const chunkLineBytesMax = 256;
/** @limit All trailing headers with their signature; the longest checksum takes 120 bytes. */
const trailerBytesMax = 4096;
/** @limit Bytes that may follow the end, unread: another line end or two. */
const afterBytesMax = 4096;
/**
 * @limit S3's rule for signed chunks but the last: each costs two HMACs' time, whatever its size.
 */
const signedChunkBytesMin = 8192;

export const trailerSignatureHeader = "x-amz-trailer-signature";

const lineFeed = 0x0a;
const noTrailers: ReadonlyMap<string, string> = new Map();

/** The element of the framing that comes next in the body. */
type Next = "chunk line" | "chunk" | "chunk end" | "trailer" | "after";

/** Takes the framing off, piece by piece as the body comes. */
export class AwsChunkedDecoder implements PayloadDecoder {
  readonly #trailers = new Map<string, string>();
  readonly #payload: ChunkedPayload;
  readonly #chain: SignatureChain | undefined;
  #next: Next = "chunk line";
  /** The line so far that stands next; one character a byte. */
  #line = "";
  /** Payload bytes that are still to come, of the whole and of the chunk at hand. */
  #restBytes: number;
  #chunkRestBytes = 0;
  #chunk: ChunkLine = { bytes: Infinity, signature: undefined };
  #chunks = 0;
  #trailerRestBytes = trailerBytesMax;
  #afterBytes = 0;

  constructor(hash: Hash, payload: ChunkedPayload) {
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
      if (this.#next === "chunk") {
        const span = piece.subarray(at, at + this.#chunkRestBytes);
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
      case "chunk line":
        throw incomplete("within a chunk's first line");
      case "chunk":
        throw incomplete(`${this.#chunkRestBytes} bytes before the end of a chunk`);
      case "chunk end":
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
    if (this.#next === "chunk line") return chunkLineBytesMax;
    return this.#next === "trailer" ? this.#trailerRestBytes : 0;
  }

  #tooLong(): PayloadError {
    if (this.#next === "chunk line") {
      return framing(`a chunk's first line exceeds ${chunkLineBytesMax} bytes`);
    }
    if (this.#next === "trailer") {
      return malformedTrailer(`the trailer exceeds ${trailerBytesMax} bytes`);
    }
    return framing("a chunk is longer than its size says");
  }

  #takeLine(line: string): void {
    if (this.#next === "chunk line") this.#beginChunk(parseChunkLine(line));
    else if (this.#next === "trailer") this.#takeTrailer(line);
    else if (line === "") this.#next = "chunk line";
    else throw framing("a chunk is longer than its size says");
  }

  #beginChunk(chunk: ChunkLine): void {
    const before = this.#chunk;
    if (chunk.bytes > this.#restBytes) {
      throw wrongLength(this.#payload, chunk.bytes - this.#restBytes);
    }
    // Judged by what follows: a small one is the last of a body that is shorter than it said.
    const isLast = chunk.bytes === 0;
    this.#chunks += 1;
    if (this.#chain && before.bytes < signedChunkBytesMin && !isLast) {
      throw tooSmall(this.#chunks, before.bytes);
    }
    this.#chunk = chunk;
    this.#restBytes -= chunk.bytes;
    this.#chunkRestBytes = chunk.bytes;
    if (!isLast) {
      this.#next = "chunk";
      return;
    }
    this.#chain?.endChunk(chunk.signature);
    if (this.#restBytes > 0) throw wrongLength(this.#payload, -this.#restBytes);
    this.#next = "trailer";
  }

  #takeBytes(bytes: Uint8Array): void {
    this.#chain?.update(bytes, this.#chunk.bytes);
    this.#chunkRestBytes -= bytes.length;
    if (this.#chunkRestBytes > 0) return;
    this.#chain?.endChunk(this.#chunk.signature);
    this.#next = "chunk end";
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
  readonly #signing: ChunkSigning;
  #previous: string;
  /** Hashes the current chunk, if it comes in several pieces. */
  #hasher: Hasher | undefined;
  #sha256: Uint8Array | undefined;

  constructor(hash: Hash, signing: ChunkSigning) {
    this.#hash = hash;
    this.#signing = signing;
    this.#previous = signing.seedSignature;
  }

  /** @param chunkBytes of the whole chunk: one that comes in one piece needs no hasher. */
  update(bytes: Uint8Array, chunkBytes: number): void {
    if (bytes.length === chunkBytes) {
      this.#sha256 = this.#hash.digest("sha256", bytes);
      return;
    }
    this.#hasher ??= this.#hash.create("sha256");
    this.#hasher.update(bytes);
  }

  endChunk(provided: string | undefined): void {
    if (provided === undefined) throw framing("a chunk without its signature");
    const sha256 = this.#hasher?.digest() ?? this.#sha256 ?? this.#hash.digest("sha256", noBytes);
    const chunk = { previousSignature: this.#previous, sha256 };
    this.#previous = this.#check(chunkStringToSign(this.#signing, chunk), provided);
    this.#hasher = undefined;
    this.#sha256 = undefined;
  }

  /** Takes the signature out of the trailers, where it stands among what it signs. */
  checkTrailers(trailers: Map<string, string>, expected: boolean): void {
    if (!expected) return;
    const provided = trailers.get(trailerSignatureHeader);
    if (provided === undefined) throw incomplete("before the trailer's signature");
    trailers.delete(trailerSignatureHeader);
    const parts = { previousSignature: this.#previous, trailers };
    this.#check(trailerStringToSign(this.#hash, this.#signing, parts), provided);
  }

  #check(stringToSign: string, provided: string): string {
    const expected = this.#hash.hmacSha256Text(this.#signing.key, stringToSign);
    if (sameSignature(expected, provided)) return expected;
    const message = "the signature of a chunk does not match it";
    throw new PayloadError("signature_mismatch", message, {
      kind: "signature",
      stringToSign,
      provided,
    });
  }
}

interface ChunkLine {
  readonly bytes: number;
  readonly signature: string | undefined;
}

/** A chunk extension in HTTP's form: a name, and perhaps a value. */
const extensionForm = /^[\w!#$%&'*+.^`|~-]+(?:=[^\s"]+|="[^"]*")?$/;

/** The blanks that HTTP once allowed, and S3 does. */
const aroundEquals = /\s*=\s*/;

/**
 * Thirteen digits hold any size below 2^52. Extensions that we do not know are passed over, as
 * HTTP's are.
 */
function parseChunkLine(line: string): ChunkLine {
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
function wrongLength({ decodedBytes: expected }: ChunkedPayload, moreBytes: number): PayloadError {
  const provided = expected + moreBytes;
  const message = `The chunks hold ${provided} bytes, not the ${expected} that were declared.`;
  return new PayloadError("length", message, { kind: "length", expected, provided });
}

/** S3 names the chunk that follows the small one. */
function tooSmall(number: number, bytes: number): PayloadError {
  const message = `A chunk of ${bytes} bytes is not the last one.`;
  return new PayloadError("chunk_size", message, { kind: "chunk", number, bytes });
}

function framing(problem: string): PayloadError {
  return new PayloadError("framing", `The body is not well-formed aws-chunked: ${problem}.`);
}

function incomplete(where: string): PayloadError {
  return new PayloadError("incomplete", `The body ended ${where}.`);
}

function malformedTrailer(problem: string): PayloadError {
  return new PayloadError("trailer", `The trailer is malformed: ${problem}.`);
}
