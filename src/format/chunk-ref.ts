import { assert } from "../base/assert.ts";
import type { ByteReader, ByteWriter } from "./codec.ts";
import { rowChunksMax } from "./limits.ts";
import type { ExtentId } from "./ids.ts";

/** Where one chunk's record lies, and the checksum that says it is the right one. */
export interface ChunkRef {
  readonly extent: ExtentId;
  /** Where the record begins, in bytes from the start of the extent. */
  readonly offset: number;
  /** Payload bytes in the record. */
  readonly length: number;
  /** The checksum in the record's header, which covers the checksums of all its blocks. */
  readonly checksum: number;
}

/**
 * A list of chunks. One that lies in the extent of the one before it, behind it, is written as the
 * gap between them instead of extent and offset: a run of neighbours costs about nine bytes a
 * chunk.
 */
export function writeChunkRefs(writer: ByteWriter, refs: readonly ChunkRef[]): void {
  let previous: ChunkRef | undefined;
  writer.list(refs, (ref) => {
    const gap = previous === undefined ? -1 : ref.offset - (previous.offset + previous.length);
    const follows = previous !== undefined && previous.extent === ref.extent && gap >= 0;
    if (follows) writer.u8(1).varint(gap);
    else writer.u8(0).varint(ref.extent).varint(ref.offset);
    writer.varint(ref.length).u32(ref.checksum);
    previous = ref;
  });
}

export function readChunkRefs(reader: ByteReader): ChunkRef[] {
  let previous: ChunkRef | undefined;
  return reader.list(() => {
    const follows = reader.boolean();
    if (follows && previous === undefined) reader.fail("first chunk follows none");
    let extent: ExtentId;
    let offset: number;
    if (follows && previous !== undefined) {
      extent = previous.extent;
      offset = previous.offset + previous.length + reader.varint();
    } else {
      extent = reader.varint() as ExtentId; // the field's place says which id it is
      offset = reader.varint();
    }
    const ref = { extent, offset, length: reader.varint(), checksum: reader.u32() };
    previous = ref;
    return ref;
  });
}

/** Where an object's, a part's or a leaf's bytes are. */
export type DataLocation =
  /** No bytes at all. */
  | { readonly kind: "empty" }
  /** The bytes stand in the row itself (reserved: readers know it, no writer makes it yet). */
  | { readonly kind: "inline"; readonly bytes: Uint8Array }
  /** The references themselves, at most 16, in order. */
  | { readonly kind: "chunks"; readonly chunks: readonly ChunkRef[] }
  /** A manifest record lists them (format/manifest.ts). */
  | { readonly kind: "manifest"; readonly ref: ChunkRef };

export function writeDataLocation(writer: ByteWriter, location: DataLocation): void {
  switch (location.kind) {
    case "empty":
      writer.u8(0);
      break;
    case "inline":
      writer.u8(1).bytes(location.bytes);
      break;
    case "chunks":
      assert(location.chunks.length <= rowChunksMax, "too many chunks for a row");
      writer.u8(2);
      writeChunkRefs(writer, location.chunks);
      break;
    case "manifest":
      writer.u8(3);
      writeChunkRefs(writer, [location.ref]);
      break;
  }
}

export function readDataLocation(reader: ByteReader): DataLocation {
  const kind = reader.u8();
  switch (kind) {
    case 0:
      return { kind: "empty" };
    case 1:
      return { kind: "inline", bytes: reader.bytes() };
    case 2:
      return { kind: "chunks", chunks: readChunkRefs(reader) };
    case 3: {
      const [ref] = readChunkRefs(reader);
      return ref === undefined
        ? reader.fail("manifest without a chunk")
        : { kind: "manifest", ref };
    }
    default:
      return reader.fail(`data location of kind ${kind}`);
  }
}
