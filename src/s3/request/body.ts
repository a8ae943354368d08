import type { PayloadDecoder } from "../../auth/payload.ts";
import { checkSha256, createDecoder, decodeWhole } from "../../auth/decode-payload.ts";
import { concatBytes, equalBytes, toBase64, toHex } from "../../base/bytes.ts";
import { assert } from "../../base/assert.ts";
import { StoreError } from "../../base/errors.ts";
import type { ChecksumAlgorithm, StoredChecksum } from "../../format/checksum.ts";
import { BodyShare, freeBytesPerUpload } from "../../object/write/body-budget.ts";
import { acceptWhole, digestOf } from "../../object/write/digests.ts";
import { type IncomingBody, wholeBodyBytesMax } from "../../object/write/incoming-body.ts";
import type { HashAlgorithm } from "../../platform/hash.ts";
import type { PieceDecoder } from "../../platform/piece-decoder.ts";
import type { S3Call } from "../call.ts";
import {
  checksumHeader,
  checksumName,
  type DeclaredChecksum,
  type DeclaredChecksums,
  parseChecksumHeaders,
  parseTrailingChecksum,
} from "./checksums.ts";
import { S3Error } from "../errors.ts";
import { wrongLength } from "../error-response.ts";

/** @limit S3: 5 GiB in one request, for objects and parts alike. */
const uploadBytesMax = 5 * 1024 ** 3;

/** @limit Framing of a small body, where it has any: eight signed frames, and a trailer. */
const framingBytesMax = 8 * 1024;

/** S3 computes this one where the client named none, so that every object has a checksum. */
export const defaultChecksum: ChecksumAlgorithm = "crc64nvme";

/** A body on its way to be stored. */
interface SentBody extends IncomingBody {
  /** The checksum that came with it, once it is accepted. */
  sent(): StoredChecksum | undefined;
}

/** @param choosing whether the request may choose an algorithm for what it makes. */
export function declaredChecksums(call: S3Call, choosing = false): DeclaredChecksums {
  return parseChecksumHeaders(call.headers, { choosing });
}

/** Checksums of an object that is there already: no object matches a value that is no checksum. */
export function expectedChecksums(call: S3Call): DeclaredChecksums {
  return parseChecksumHeaders(call.headers, { invalidValue: "BadDigest" });
}

/**
 * The request's body as an object's bytes, with everything the client said about them verified at
 * the end.
 *
 * @param keep the checksum to store; undefined: the one the client named, else S3's default.
 */
export function openUpload(call: S3Call, keep: ChecksumAlgorithm | undefined): SentBody {
  const sizeBytes = uploadSize(call);
  const declared = declaredChecksums(call);
  return verifiedBody(call, sizeBytes, declared, keep);
}

/** The same of a form's file, where nothing says how many bytes there will be. */
export function openFile(
  call: S3Call,
  file: AsyncIterable<Uint8Array>,
  decoder: PieceDecoder,
): IncomingBody {
  const upload = verifiedBody(call, undefined, declaredChecksums(call), undefined);
  const { signal } = call.request;
  const body = { kind: "pieces", pieces: file, decoder, ownership: "borrowed", signal } as const;
  return { ...upload, body };
}

/**
 * Undefined where the body comes in the chunked transfer coding: then the code that stores it
 * counts.
 */
function uploadSize(call: S3Call): number | undefined {
  const sizeBytes = declaredSize(call);
  // A request without a body need not say so, an upload must.
  if (call.request.contentLength === 0 && !call.headers.has("content-length")) {
    throw new S3Error("MissingContentLength");
  }
  if (sizeBytes === undefined || sizeBytes <= uploadBytesMax) return sizeBytes;
  throw new S3Error("EntityTooLarge", {
    details: { ProposedSize: sizeBytes, MaxSizeAllowed: uploadBytesMax },
  });
}

/** Bytes of the payload; undefined where the body comes in the chunked transfer coding. */
function declaredSize(call: S3Call): number | undefined {
  const { payload } = call.verified;
  if (payload.kind === "framed") return payload.decodedBytes;
  const { contentLength: provided } = call.request;
  if (provided === undefined) return undefined;
  // Who says so means another body than the one that is read: frames, where no frames are read.
  const decoded = call.headers.get("x-amz-decoded-content-length") ?? "";
  if (!/^\d{1,15}$/.test(decoded) || Number(decoded) === provided) return provided;
  throw wrongLength({ expected: Number(decoded), provided });
}

function verifiedBody(
  call: S3Call,
  sizeBytes: number | undefined,
  declared: DeclaredChecksums,
  keep: ChecksumAlgorithm | undefined,
): SentBody {
  const { checksum } = declared;
  let sent: StoredChecksum | undefined;
  refuseNotOfBody(call, checksum);
  const kept = keep ?? checksum?.algorithm ?? defaultChecksum;
  const { payload } = call.verified;
  // Where the whole body's digest was signed, it is computed with the others and not while the body
  // is read.
  const signed = payload.kind === "signed" ? payload : undefined;
  const framing = payload.kind === "signed" ? ({ kind: "unsigned" } as const) : payload;
  const decoder = createDecoder(call.objects.platform.hash, framing);
  return {
    body: bodyOf(call, sizeBytes, decoder),
    sizeBytes,
    algorithms: [
      ...new Set([kept, checksum?.algorithm ?? kept, signed === undefined ? kept : "sha256"]),
    ],
    sent: () => sent,
    accept(digests): StoredChecksum {
      if (signed !== undefined) checkSha256(signed, digestOf(digests, "sha256"));
      checkMd5(declared.md5, digests);
      checkChecksum(checksum, decoder.trailers, digests);
      if (isTrailerMissing(call, checksum)) throw new S3Error("IncompleteBody");
      if (checksum !== undefined) {
        const { algorithm } = checksum;
        sent = { algorithm, type: "full", value: digestOf(digests, algorithm) };
      }
      return { algorithm: kept, type: "full", value: digestOf(digests, kept) };
    },
  };
}

/**
 * Some of what checksum headers can say means an object of parts, or promises a value and gives
 * none.
 */
function refuseNotOfBody(call: S3Call, checksum: DeclaredChecksum | undefined): void {
  if (checksum?.kind === "value" && checksum.parts !== undefined) {
    const message = `Value for ${checksumHeader(checksum.algorithm)} header is invalid.`;
    throw new S3Error("InvalidRequest", { message });
  }
  const { payload } = call.verified;
  if (checksum?.kind === "trailer" && !(payload.kind === "framed" && payload.trailer)) {
    throw new S3Error("MalformedTrailerError");
  }
  const sdkHeader = "x-amz-sdk-checksum-algorithm";
  if (checksum?.kind === "algorithm" && call.headers.has(sdkHeader)) {
    const missing = "no corresponding x-amz-checksum-* or x-amz-trailer headers were found.";
    throw new S3Error("InvalidRequest", { message: `${sdkHeader} specified, but ${missing}` });
  }
}

/**
 * A signed trailer that promises nothing is one that was forgotten, to S3; without signatures it
 * may be empty.
 */
function isTrailerMissing({ verified }: S3Call, checksum: DeclaredChecksum | undefined): boolean {
  const { payload } = verified;
  const isSigned = payload.kind === "framed" && payload.trailer && payload.signing !== undefined;
  return isSigned && checksum === undefined;
}

/** A small announced body as one value, another in pieces as they come. */
function bodyOf(
  { request, body }: S3Call,
  sizeBytes: number | undefined,
  decoder: PayloadDecoder,
): IncomingBody["body"] {
  const { contentLength } = request;
  const wireBytesMax = wholeBodyBytesMax + framingBytesMax;
  const isAnnounced = sizeBytes !== undefined && contentLength !== undefined;
  if (isAnnounced && sizeBytes <= wholeBodyBytesMax && contentLength <= wireBytesMax) {
    return {
      kind: "whole",
      read() {
        const whole = body.readWhole(wireBytesMax);
        if (whole instanceof Promise) return whole.then((bytes) => decodeWhole(decoder, bytes));
        return decodeWhole(decoder, whole);
      },
      ownership: "owned",
    };
  }
  return { kind: "pieces", pieces: body, decoder, ownership: "owned", signal: request.signal };
}

type Digests = ReadonlyMap<HashAlgorithm, Uint8Array>;

function checkMd5(md5: Uint8Array | undefined, digests: Digests): void {
  if (md5 === undefined) return;
  const computed = digestOf(digests, "md5");
  if (equalBytes(md5, computed)) return;
  // Each in another form, as S3 has it.
  const details = { ExpectedDigest: toHex(md5), CalculatedDigest: toBase64(computed) };
  throw new S3Error("BadDigest", { details });
}

function checkChecksum(
  declared: DeclaredChecksum | undefined,
  trailers: ReadonlyMap<string, string>,
  digests: Digests,
): void {
  if (declared?.kind !== "trailer" && trailers.size > 0) throw new S3Error("MalformedTrailerError");
  if (declared === undefined || declared.kind === "algorithm") return;
  const value =
    declared.kind === "value" ? declared.value : parseTrailingChecksum(declared, trailers);
  if (equalBytes(value, digestOf(digests, declared.algorithm))) return;
  const name = checksumName(declared.algorithm);
  throw new S3Error("BadDigest", {
    message: `The ${name} you specified did not match the calculated checksum.`,
  });
}

/** A whole small body in memory, verified like an upload; for requests in XML. */
export function readWholeBody(call: S3Call, bytesMax: number): Promise<Uint8Array> {
  assert(bytesMax <= freeBytesPerUpload, "a larger body is counted in the memory of uploads");
  return withBody(call, bytesMax, (body) => Promise.resolve(body));
}

/**
 * The same for one that may be large: it is counted in the memory of uploads until `use` is done
 * with it.
 */
export function withBody<T>(call: S3Call, bytesMax: number, use: UseBody<T>): Promise<T> {
  return withVerified(call, declaredChecksums(call), bytesMax, use);
}

/** The same where checksum headers speak of something else than this body. */
export function withBodyOnly<T>(call: S3Call, bytesMax: number, use: UseBody<T>): Promise<T> {
  return withVerified(call, { ...declaredChecksums(call), checksum: undefined }, bytesMax, use);
}

type UseBody<T> = (body: Uint8Array) => Promise<T>;

/** @limit Copies of a body in memory: its pieces, the whole, and the text that it is. */
const copiesMax = 3;

async function withVerified<T>(
  call: S3Call,
  declared: DeclaredChecksums,
  bytesMax: number,
  use: UseBody<T>,
): Promise<T> {
  const upload = verifiedBody(call, declaredSize(call), declared, undefined);
  const { body } = upload;
  if ((upload.sizeBytes ?? 0) > bytesMax) throw tooBig(bytesMax);
  const { hash } = call.objects.platform;
  if (body.kind === "whole") {
    const bytes = await body.read();
    acceptWhole(hash, upload, bytes);
    return use(bytes);
  }
  const bytesToHold = copiesMax * (upload.sizeBytes ?? bytesMax);
  let isTurnOver = false;
  const endTurn = (): void => {
    isTurnOver = true;
  };
  const share = new BodyShare(call.objects.bodies, endTurn, call.objects.phases);
  try {
    const pieces: Uint8Array[] = [];
    const names: readonly HashAlgorithm[] = ["md5", ...upload.algorithms];
    const hashers = new Map(names.map((name) => [name, hash.create(name)]));
    let length = 0;
    for await (const sent of body.pieces) {
      for (const piece of body.decoder.push(sent)) {
        length += piece.length;
        if (length > bytesMax) throw tooBig(bytesMax);
        if (isTurnOver)
          throw new StoreError("overloaded", "upload too slow while others wait for upload memory");
        await share.cover(length, bytesToHold);
        // Piece by piece, since 4 MiB at once would hold the event loop for 30 ms.
        for (const hasher of hashers.values()) hasher.update(piece);
        pieces.push(piece);
      }
      if (body.decoder.isPastEnd) break;
    }
    body.decoder.end();
    const digests = Array.from(hashers, ([name, hasher]) => [name, hasher.digest()] as const);
    upload.accept(new Map(digests), length);
    share.handOver();
    return await use(concatBytes(pieces));
  } finally {
    share.close();
  }
}

function tooBig(bytesMax: number): S3Error {
  return new S3Error("MaxMessageLengthExceeded", { details: { MaxMessageLengthBytes: bytesMax } });
}
