import { StoreError } from "../../base/errors.ts";
import type { OpenedRecord } from "../../extent/extent-reader.ts";
import type { ChunkRef, DataLocation } from "../../format/chunk-ref.ts";
import type { OpenManifest, PartList } from "../../format/manifest.ts";
import { openManifest } from "../../format/manifest.ts";
import type { ObjectRow } from "../../format/object-row.ts";
import type { BlobIdentity } from "../blob-writer.ts";
import { dataRecord, manifestRecord } from "../blob-writer.ts";
import type { ObjectStore } from "../object-store.ts";
import type { Target } from "../target.ts";

/** A piece of an object's bytes that lies in one place. */
export interface Chunk {
  /** Where it begins and ends in the object. */
  readonly first: number;
  readonly end: number;
  /** Verified bytes first <= i < end of the object, in `buffer` as the extent reader has it. */
  read(first: number, end: number, buffer?: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** The identity in the records of an object's own location. */
export function blobOf(target: Target, row: ObjectRow): BlobIdentity {
  const { blob, upload } = row;
  return { bucket: target.bucket.id, key: target.key, blob, upload, part: 0 };
}

/** The chunks of an object as one version of its row has them. */
export function findChunks(store: ObjectStore, target: Target, row: ObjectRow): ChunkFinder {
  return new ChunkFinder(store, blobOf(target, row), row.data, 0);
}

/**
 * Finds the chunk that holds a byte of some data. Manifests are read when a byte below them is
 * asked for, and of a list of parts only those are decoded: what is held for any object is small
 * (C6).
 */
export class ChunkFinder {
  readonly #store: ObjectStore;
  readonly #blob: BlobIdentity;
  readonly #data: DataLocation;
  /** Where the data begins in the object. */
  readonly #start: number;
  #manifest: OpenManifest | undefined;
  /** The part that was asked for last. */
  #part: { readonly index: number; readonly chunks: ChunkFinder } | undefined;

  constructor(store: ObjectStore, blob: BlobIdentity, data: DataLocation, start: number) {
    this.#store = store;
    this.#blob = blob;
    this.#data = data;
    this.#start = start;
  }

  /** The chunk with byte `at` of the object; a promise where a manifest has to be read first. */
  find(at: number): Chunk | Promise<Chunk> {
    const data = this.#data;
    switch (data.kind) {
      case "empty":
        throw endsBefore(at);
      case "inline":
        return inlineChunk(data.bytes, this.#start);
      case "chunks":
        return this.#findAmong(data.chunks, at);
      case "manifest":
        return this.#manifest === undefined
          ? this.#readThenFind(data.ref, at)
          : this.#findBelow(this.#manifest, at);
    }
  }

  async #readThenFind(ref: ChunkRef, at: number): Promise<Chunk> {
    this.#manifest = await readManifest(this.#store, this.#blob, ref);
    return this.#findBelow(this.#manifest, at);
  }

  #findBelow(manifest: OpenManifest, at: number): Chunk | Promise<Chunk> {
    if (manifest.kind === "leaf") return this.#findAmong(manifest.chunks, at);
    const index = manifest.parts.indexAt(at - this.#start);
    if (index === undefined) throw endsBefore(at);
    if (this.#part?.index !== index) {
      const { number, blob, data } = manifest.parts.get(index);
      const start = this.#start + manifest.parts.startOf(index);
      const identity = { ...this.#blob, blob, part: number };
      this.#part = { index, chunks: new ChunkFinder(this.#store, identity, data, start) };
    }
    return this.#part.chunks.find(at);
  }

  #findAmong(chunks: readonly ChunkRef[], at: number): Chunk {
    let first = this.#start;
    for (const [index, ref] of chunks.entries()) {
      if (at < first + ref.length) return this.#chunk(ref, index, first);
      first += ref.length;
    }
    throw endsBefore(at);
  }

  #chunk(ref: ChunkRef, index: number, start: number): Chunk {
    const { reader } = this.#store;
    const identity = dataRecord(this.#blob, index);
    const opened: OpenedRecord = {};
    return {
      first: start,
      end: start + ref.length,
      read: (first, end, buffer) =>
        reader.read(ref, identity, first - start, end - start, { buffer, opened }),
    };
  }
}

function inlineChunk(bytes: Uint8Array, start: number): Chunk {
  const read = (first: number, end: number) => bytes.subarray(first - start, end - start);
  return { first: start, end: start + bytes.length, read };
}

function endsBefore(at: number): StoreError {
  return new StoreError("corrupt", `the data of an object ends before byte ${at}`);
}

/** The parts of a multipart object, in order. */
export async function readPartList(
  store: ObjectStore,
  target: Target,
  row: ObjectRow,
): Promise<PartList> {
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
): Promise<OpenManifest> {
  return openManifest(await store.reader.read(ref, manifestRecord(blob), 0, ref.length));
}
