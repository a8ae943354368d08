import type { ChunkRef, DataLocation } from "./chunk-ref.ts";
import { readChunkRefs, readDataLocation, writeChunkRefs, writeDataLocation } from "./chunk-ref.ts";
import { ByteReader, ByteWriter } from "./codec.ts";
import type { BlobId } from "./ids.ts";
import type { StoredChecksum } from "./checksum.ts";
import { readChecksum, writeChecksum } from "./checksum.ts";

/*
 * Manifests are the payloads of records of kind `manifest`: lists of chunks too long for a row. A
 * leaf lists the chunks of one put or one part. A root lists the parts of a completed multipart
 * upload, each with its own location.
 *
 * A root begins with a table, so that of 10,000 parts only those are decoded that a read needs:
 * decoding all of them takes 6 to 16 ms of the event loop.
 *
 *     version      1
 *     kind         1   0 leaf, 1 root
 *     parts        4   how many (a root; a leaf goes on with its list of chunks)
 *     table       12   for each part: its end in the object (8), its entry's place here (4)
 *     entries          in order: number, MD5, checksum, blob, location
 */

export interface ManifestPart {
  readonly number: number;
  readonly size: number;
  /** MD5 of the part's bytes, 16 bytes. */
  readonly md5: Uint8Array;
  readonly checksum: StoredChecksum | undefined;
  /** The blob its records name. */
  readonly blob: BlobId;
  readonly data: DataLocation;
}

interface Leaf {
  readonly kind: "leaf";
  readonly chunks: readonly ChunkRef[];
}

export type Manifest = Leaf | { readonly kind: "root"; readonly parts: readonly ManifestPart[] };

/** A manifest whose parts are decoded when they are asked for. */
export type OpenManifest = Leaf | { readonly kind: "root"; readonly parts: PartList };

const version = 2;
const headBytes = 1 + 1 + 4;
const tableEntryBytes = 8 + 4;

export function encodeManifest(manifest: Manifest): Uint8Array {
  if (manifest.kind === "leaf") {
    const leaf = new ByteWriter(4096).u8(version).u8(0);
    writeChunkRefs(leaf, manifest.chunks);
    return leaf.finish();
  }
  const { parts } = manifest;
  const table = new ByteWriter(headBytes + parts.length * tableEntryBytes);
  table.u8(version).u8(1).u32(parts.length);
  const entriesStart = headBytes + parts.length * tableEntryBytes;
  const entries = new ByteWriter(4096);
  let end = 0;
  for (const part of parts) {
    end += part.size;
    table.u64(end).u32(entriesStart + entries.length);
    writePart(entries, part);
  }
  return table.raw(entries.finish()).finish();
}

export function decodeManifest(bytes: Uint8Array): Manifest {
  const manifest = openManifest(bytes);
  if (manifest.kind === "leaf") return manifest;
  return { kind: "root", parts: manifest.parts.slice(0, manifest.parts.length) };
}

/** The bytes belong to the manifest from now on. */
export function openManifest(bytes: Uint8Array): OpenManifest {
  const reader = new ByteReader(bytes, "manifest");
  if (reader.version(version) < version) reader.fail("a manifest of a version that is not read");
  const kind = reader.u8();
  if (kind > 1) reader.fail(`manifest of kind ${kind}`);
  if (kind === 1) return { kind: "root", parts: new PartList(bytes, reader.u32()) };
  const chunks = readChunkRefs(reader);
  reader.end();
  return { kind: "leaf", chunks };
}

/**
 * The parts of a root, in order. StoreError `corrupt` where table and entries do not fit each
 * other.
 */
export class PartList {
  readonly length: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, length: number) {
    this.#bytes = bytes;
    this.length = length;
    const tableEnd = headBytes + length * tableEntryBytes;
    if (tableEnd > bytes.length) this.#reader(0).fail("more parts than the manifest has bytes for");
  }

  /** Where a part begins in the object. */
  startOf(index: number): number {
    return index === 0 ? 0 : this.#tableEntry(index - 1).u64();
  }

  endOf(index: number): number {
    return this.#tableEntry(index).u64();
  }

  /** The part that a byte of the object is in; undefined behind the last. */
  indexAt(offset: number): number | undefined {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (offset < this.endOf(middle)) high = middle;
      else low = middle + 1;
    }
    return low < this.length ? low : undefined;
  }

  get(index: number): ManifestPart {
    const start = this.startOf(index);
    const entry = this.#tableEntry(index);
    const end = entry.u64();
    if (end < start) entry.fail(`part ${index} ends before it begins`);
    const reader = this.#reader(entry.u32());
    const part = readPart(reader, end - start);
    const isLast = index === this.length - 1;
    if (isLast) reader.end();
    return part;
  }

  /** Parts first <= i < end. */
  slice(first: number, end: number): ManifestPart[] {
    const parts: ManifestPart[] = [];
    for (let index = first; index < Math.min(end, this.length); index++)
      parts.push(this.get(index));
    return parts;
  }

  #tableEntry(index: number): ByteReader {
    return this.#reader(headBytes + index * tableEntryBytes);
  }

  #reader(at: number): ByteReader {
    return new ByteReader(this.#bytes, "manifest", at);
  }
}

function writePart(writer: ByteWriter, part: ManifestPart): void {
  writer.u16(part.number).raw(part.md5);
  writer.optional(part.checksum, (checksum) => writeChecksum(writer, checksum));
  writer.id(part.blob);
  writeDataLocation(writer, part.data);
}

function readPart(reader: ByteReader, size: number): ManifestPart {
  return {
    number: reader.u16(),
    size,
    md5: reader.raw(16),
    checksum: reader.optional(() => readChecksum(reader)),
    blob: reader.id(),
    data: readDataLocation(reader),
  };
}
