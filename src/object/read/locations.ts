import { StoreError } from "../../base/errors.ts";
import type { ChunkRef, DataLocation } from "../../format/chunk-ref.ts";
import type { Manifest, ManifestPart } from "../../format/manifest.ts";
import { decodeManifest } from "../../format/manifest.ts";
import type { ObjectRow } from "../../format/object-row.ts";
import type { BlobIdentity } from "../blob-writer.ts";
import { dataRecord, manifestRecord } from "../blob-writer.ts";
import type { ObjectStore } from "../object-store.ts";
import type { Target } from "../target.ts";

/** Bytes first <= i < end of something. */
export interface Span {
  readonly first: number;
  readonly end: number;
}

/** What a plan reads of one chunk. */
export interface PlannedRead extends Span {
  /** Verified bytes of a part of the span, in `room` as the extent reader has it. */
  readonly read: (first: number, end: number, room?: Uint8Array) => Promise<Uint8Array>;
}

/** What the records of an object's own location say of themselves. */
export function blobOf(target: Target, row: ObjectRow): BlobIdentity {
  const { blob, upload } = row;
  return { bucket: target.bucket.id, key: target.key, blob, upload, part: 0 };
}

/**
 * The reads that give a span of some data, in order. Manifests are read when the plan gets to them,
 * so a plan of any object is small (C6).
 */
export async function* planReads(
  store: ObjectStore,
  blob: BlobIdentity,
  data: DataLocation,
  span: Span,
): AsyncGenerator<PlannedRead, void, undefined> {
  switch (data.kind) {
    case "empty":
      break;
    case "inline":
      yield { ...span, read: async (first, end) => data.bytes.slice(first, end) };
      break;
    case "chunks":
      yield* planChunks(store, blob, data.chunks, span);
      break;
    case "manifest": {
      const manifest = await readManifest(store, blob, data.ref);
      if (manifest.kind === "leaf") yield* planChunks(store, blob, manifest.chunks, span);
      else yield* planParts(store, blob, manifest.parts, span);
      break;
    }
  }
}

/** The parts of a multipart object, in order. */
export async function readParts(
  store: ObjectStore,
  target: Target,
  row: ObjectRow,
): Promise<readonly ManifestPart[]> {
  if (row.data.kind !== "manifest") {
    throw new StoreError("corrupt", "the row of a multipart object has no manifest");
  }
  const manifest = await readManifest(store, blobOf(target, row), row.data.ref);
  if (manifest.kind !== "root") {
    throw new StoreError("corrupt", "the manifest of a multipart object lists no parts");
  }
  return manifest.parts;
}

async function readManifest(
  store: ObjectStore,
  blob: BlobIdentity,
  ref: ChunkRef,
): Promise<Manifest> {
  return decodeManifest(await store.reader.read(ref, manifestRecord(blob), 0, ref.length));
}

function* planChunks(
  store: ObjectStore,
  blob: BlobIdentity,
  chunks: readonly ChunkRef[],
  span: Span,
): Generator<PlannedRead, void, undefined> {
  let at = 0;
  for (const [index, ref] of chunks.entries()) {
    const { first, end } = overlap(span, at, ref.length);
    if (first < end) {
      const identity = dataRecord(blob, index);
      yield { first, end, read: (...range) => store.reader.read(ref, identity, ...range) };
    }
    at += ref.length;
  }
}

async function* planParts(
  store: ObjectStore,
  whole: BlobIdentity,
  parts: readonly ManifestPart[],
  span: Span,
): AsyncGenerator<PlannedRead, void, undefined> {
  let at = 0;
  for (const { number, size, blob, data } of parts) {
    const within = overlap(span, at, size);
    if (within.first < within.end) {
      yield* planReads(store, { ...whole, blob, part: number }, data, within);
    }
    at += size;
  }
}

/** What a span has of the `length` bytes that begin at `at`, counted from there. */
function overlap(span: Span, at: number, length: number): Span {
  return { first: Math.max(span.first - at, 0), end: Math.min(span.end - at, length) };
}
