import type { ChunkRef, DataLocation } from "./chunk-ref.ts";
import { readChunkRefs, readDataLocation, writeChunkRefs, writeDataLocation } from "./chunk-ref.ts";
import { ByteReader, ByteWriter } from "./codec.ts";
import type { BlobId } from "./ids.ts";
import type { StoredChecksum } from "./checksum.ts";
import { readChecksum, writeChecksum } from "./checksum.ts";

/*
 * Manifests are the payloads of records of kind `manifest`: lists of chunks too long for a row. A leaf lists the chunks
 * of one put or one part. A root lists the parts of a completed multipart upload, each with its own location.
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

export type Manifest =
  | { readonly kind: "leaf"; readonly chunks: readonly ChunkRef[] }
  | { readonly kind: "root"; readonly parts: readonly ManifestPart[] };

const version = 1;

export function encodeManifest(manifest: Manifest): Uint8Array {
  const writer = new ByteWriter(4096).u8(version);
  if (manifest.kind === "leaf") {
    writer.u8(0);
    writeChunkRefs(writer, manifest.chunks);
  } else {
    writer.u8(1).list(manifest.parts, (part) => {
      writer.u16(part.number).varint(part.size).raw(part.md5);
      writer.optional(part.checksum, (checksum) => writeChecksum(writer, checksum));
      writer.id(part.blob);
      writeDataLocation(writer, part.data);
    });
  }
  return writer.finish();
}

export function decodeManifest(bytes: Uint8Array): Manifest {
  const reader = new ByteReader(bytes, "manifest");
  reader.version(version);
  const kind = reader.u8();
  if (kind > 1) reader.fail(`manifest of kind ${kind}`);
  const manifest: Manifest =
    kind === 0
      ? { kind: "leaf", chunks: readChunkRefs(reader) }
      : { kind: "root", parts: reader.list(() => readPart(reader)) };
  reader.end();
  return manifest;
}

function readPart(reader: ByteReader): ManifestPart {
  return {
    number: reader.u16(),
    size: reader.varint(),
    md5: reader.raw(16),
    checksum: reader.optional(() => readChecksum(reader)),
    blob: reader.id(),
    data: readDataLocation(reader),
  };
}
