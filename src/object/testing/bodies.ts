import { concatBytes, encodeUtf8 } from "../../base/bytes.ts";
import type { ChecksumAlgorithm } from "../../format/checksum.ts";
import type { ObjectAttributes } from "../../format/object-row.ts";
import type { WriteCondition } from "../conditions.ts";
import { digestOf } from "../write/digests.ts";
import { getObject } from "../read/get.ts";
import type { GetInput } from "../read/get.ts";
import type { ObjectStore } from "../object-store.ts";
import { type Bucket, getBucket } from "../bucket/buckets.ts";
import { inNamedBucket } from "../bucket/in-named-bucket.ts";
import type { Stored } from "../write/put.ts";
import { putObject } from "../write/put.ts";
import type { BodyPieces, IncomingBody } from "../write/incoming-body.ts";
import { plainPieces } from "../../platform/piece-decoder.ts";
import { wholeBodyBytesMax } from "../write/incoming-body.ts";
import type { Refusal } from "../refusal.ts";
import { isRefusal } from "../refusal.ts";
import { key, testBucket, testOwner } from "./test-store.ts";

export const attributes: ObjectAttributes = {
  headers: [["content-type", "text/plain"]],
  metadata: [],
  tags: [],
  ...testOwner,
  storageClass: "STANDARD",
  encryption: undefined,
  lock: undefined,
};

export const always: WriteCondition = { kind: "always" };

/** Bytes that differ from place to place and from seed to seed. */
export function patterned(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed * 2_654_435_761;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export async function* pieces(
  bytes: Uint8Array,
  pieceBytes = bytes.length,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** A body as it comes. */
export function inPieces(
  some: AsyncIterable<Uint8Array>,
  ownership: BodyPieces["ownership"] = "borrowed",
): BodyPieces {
  return { kind: "pieces", pieces: some, decoder: plainPieces, ownership };
}

/** A body whose checksum is of the algorithm given. */
export function incomingOf(
  bytes: Uint8Array,
  options: { algorithm?: ChecksumAlgorithm; pieceBytes?: number; announce?: boolean } = {},
): IncomingBody {
  const { algorithm = "crc32", pieceBytes, announce = true } = options;
  const isWhole = announce && bytes.length <= wholeBodyBytesMax;
  return {
    body: isWhole
      ? { kind: "whole", read: () => bytes, ownership: "borrowed" }
      : inPieces(pieces(bytes, pieceBytes)),
    sizeBytes: announce ? bytes.length : undefined,
    algorithms: [algorithm],
    accept: (digests) => ({ algorithm, type: "full", value: digestOf(digests, algorithm) }),
  };
}

export function put(
  store: ObjectStore,
  name: string | Uint8Array,
  body: Uint8Array | string,
  condition: WriteCondition = always,
): Promise<Stored | Refusal> {
  const bytes = typeof body === "string" ? encodeUtf8(body) : body;
  const incoming = incomingOf(bytes);
  return inNamedBucket(store, putObject, {
    bucket: testBucket,
    key: keyOf(name),
    attributes,
    condition,
    incoming,
  });
}

/** The bytes of an object, or why there are none. */
export async function get(
  store: ObjectStore,
  name: string | Uint8Array,
  more: Partial<Omit<GetInput, "bucket">> = {},
): Promise<Uint8Array | Refusal> {
  const read = await inNamedBucket(store, getObject, {
    bucket: testBucket,
    key: keyOf(name),
    conditions: {},
    ...more,
  });
  return isRefusal(read) ? read : collect(read.body);
}

export async function collect(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part.slice()); // a piece lasts until the next
  return concatBytes(parts);
}

function keyOf(name: string | Uint8Array): Uint8Array {
  return typeof name === "string" ? key(name) : name;
}

/** What was not refused. */
export function ok<T extends object>(value: T | Refusal): T {
  if (isRefusal(value)) throw new Error(`refused: ${JSON.stringify(value)}`);
  return value;
}

export function refusalOf(value: object): string {
  return isRefusal(value) ? value.refusal : "not refused";
}

/** The bucket of a test store as it is now. */
export async function bucketOf(store: ObjectStore): Promise<Bucket> {
  return ok(await getBucket(store, testBucket));
}
