/**
 * The decoder of `aws-chunked` bodies (AWS: "Transferring Payload in Multiple Chunks", "Including Trailing
 * Headers", S3's API reference):
 *
 *     <size, hexadecimal>[;chunk-signature=<64 digits>] CRLF <bytes> CRLF      any number of times
 *     0[;chunk-signature=<64 digits>] CRLF
 *     <name>:<value> CRLF                          with a trailer only; its signature is the last of them
 *     CRLF                                         S3 does without, and does not look at what follows
 *
 * Each chunk's signature covers the one before it, so that chunks can't be left out or change places; the
 * first is chained to the request's own. Bytes are handed on as they come and judged when their chunk
 * ends: what is held does not depend on the size of chunks, which the client chooses.
 */
import type { Hash, Hasher } from "../platform/hash.ts";
import { ByteSource } from "./byte-source.ts";
import { PayloadError } from "./payload-error.ts";
import type { ChunkedPayload } from "./payload-mode.ts";
import { chunkStringToSign, sameSignature, trailerStringToSign } from "./signature-v4.ts";
import type { ChunkSigning } from "./signature-v4.ts";

/** 16 digits of size, 17 of ";chunk-signature=", 64 of signature, and room for an extension nobody uses. */
const chunkLineBytesMax = 256;
/** All trailing headers with their signature; the longest checksum takes 120 bytes. */
const trailerBytesMax = 4096;
/** What may follow it all, unread: another line end or two. */
const afterBytesMax = 4096;
/** S3's rule for signed chunks but the last: each costs two HMACs' time, whatever its size. */
const signedChunkBytesMin = 8192;

export const trailerSignatureHeader = "x-amz-trailer-signature";

interface ChunkedInput {
  readonly payload: ChunkedPayload;
  readonly body: AsyncIterable<Uint8Array>;
  /** Filled when the body ends. */
  readonly trailers: Map<string, string>;
}

export async function* decodeChunks(hash: Hash, input: ChunkedInput): AsyncGenerator<Uint8Array> {
  const { payload } = input;
  const source = new ByteSource(input.body);
  const chain = payload.signing && new SignatureChain(hash, payload.signing);
  try {
    let restBytes = payload.decodedBytes;
    let beforeBytes = Infinity;
    for (let [last, number] = [false, 1]; !last; number++) {
      const chunk = parseChunkLine(await readLine(source, chunkLineBytesMax));
      last = chunk.bytes === 0;
      if (chunk.bytes > restBytes) throw wrongLength(payload, chunk.bytes - restBytes);
      restBytes -= chunk.bytes;
      // Judged by what follows: a small one is the last of a body that is shorter than it said.
      if (chain && beforeBytes < signedChunkBytesMin && !last) throw tooSmall(number, beforeBytes);
      beforeBytes = chunk.bytes;
      yield* chunkBytes(source, chunk.bytes, chain);
      chain?.endChunk(chunk.signature);
      if (!last) await expectEndOfChunk(source);
    }
    if (restBytes > 0) throw wrongLength(payload, -restBytes);
    const trailers = await readTrailers(source, payload.trailer);
    chain?.checkTrailers(trailers, payload.trailer);
    await passOver(source, afterBytesMax);
    for (const [name, value] of trailers) input.trailers.set(name, value);
  } finally {
    await source.close();
  }
}

/** Verifies signatures that are chained to each other, the first to the request's. */
class SignatureChain {
  readonly #hash: Hash;
  readonly #signing: ChunkSigning;
  #previous: string;
  #chunk: Hasher;

  constructor(hash: Hash, signing: ChunkSigning) {
    this.#hash = hash;
    this.#signing = signing;
    this.#previous = signing.seedSignature;
    this.#chunk = hash.create("sha256");
  }

  update(bytes: Uint8Array): void {
    this.#chunk.update(bytes);
  }

  endChunk(provided: string | undefined): void {
    if (provided === undefined) throw framing("a chunk without its signature");
    const chunk = { previousSignature: this.#previous, sha256: this.#chunk.digest() };
    this.#previous = this.#check(chunkStringToSign(this.#signing, chunk), provided);
    this.#chunk = this.#hash.create("sha256");
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

/** As HTTP has them: a name, and perhaps a value. */
const extensionForm = /^[\w!#$%&'*+.^`|~-]+(?:=[^\s"]+|="[^"]*")?$/;

/** The blanks that HTTP once allowed, and S3 does. */
const aroundEquals = /\s*=\s*/;

/** Thirteen digits hold any size below 2^52. Extensions that we do not know are passed over, as HTTP's are. */
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

async function* chunkBytes(
  source: ByteSource,
  bytes: number,
  chain: SignatureChain | undefined,
): AsyncGenerator<Uint8Array> {
  for (let rest = bytes; rest > 0;) {
    const piece = await source.take(rest);
    if (piece === undefined) throw incomplete(`${rest} bytes before the end of a chunk`);
    rest -= piece.length;
    chain?.update(piece);
    yield piece;
  }
}

async function expectEndOfChunk(source: ByteSource): Promise<void> {
  const line = await source.line(0);
  if (line === "end" || line === "cut") throw incomplete("behind a chunk's bytes");
  if (line === "long" || line.text !== "") throw framing("a chunk is longer than its size says");
}

/** Up to the empty line, or to the end of the body. */
async function readTrailers(source: ByteSource, expected: boolean): Promise<Map<string, string>> {
  const trailers = new Map<string, string>();
  let restBytes = trailerBytesMax;
  for (;;) {
    const line = await source.line(restBytes);
    if (line === "end") return trailers;
    if (line === "cut") throw incomplete("within the trailer");
    if (line === "long") throw malformedTrailer(`the trailer exceeds ${trailerBytesMax} bytes`);
    if (line.text === "") return trailers;
    if (!expected) throw framing("a trailer that was not announced");
    restBytes -= line.text.length;
    const [name, value] = parseTrailer(line.text);
    trailers.set(name, value); // of several, S3 takes the last
  }
}

/** Some clients end a value with \n before the CRLF, as AWS's own example once did: trimmed like other space. */
function parseTrailer(line: string): readonly [name: string, value: string] {
  const match = /^([A-Za-z0-9-]+):([^\r]*)$/.exec(line);
  if (match === null) throw malformedTrailer("a trailing header is malformed");
  return [match[1]!.toLowerCase(), match[2]!.trim()];
}

async function readLine(source: ByteSource, bytesMax: number): Promise<string> {
  const line = await source.line(bytesMax);
  if (line === "end" || line === "cut") throw incomplete("within a chunk's first line");
  if (line === "long") throw framing(`a chunk's first line exceeds ${bytesMax} bytes`);
  return line.text;
}

async function passOver(source: ByteSource, bytesMax: number): Promise<void> {
  for (let bytes = 0; bytes < bytesMax;) {
    const piece = await source.take(bytesMax);
    if (piece === undefined) return;
    bytes += piece.length;
  }
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
