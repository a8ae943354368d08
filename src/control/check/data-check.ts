import { StoreError } from "../../base/errors.ts";
import type { ExtentReader } from "../../extent/extent-reader.ts";
import type { ChunkRef, DataLocation } from "../../format/chunk-ref.ts";
import type { BlobId, BucketId, UploadId } from "../../format/ids.ts";
import { decodeManifest } from "../../format/manifest.ts";
import type { RecordIdentity } from "../../format/record.ts";

/** The identity that all records of one blob share, without kind and chunk. */
export interface DataOwner {
  readonly bucket: BucketId;
  readonly key: Uint8Array;
  readonly blob: BlobId;
  readonly upload: UploadId | undefined;
  readonly part: number;
}

/**
 * Follows a row's data to every record: each is at its place, has the checksum of the reference and
 * says that it belongs to the row. Payloads are for the walk through the extents, but for
 * manifests. Returns the bytes in all; throws StoreError `missing`, `corrupt`, and the reader's.
 */
export async function checkData(
  reader: ExtentReader,
  owner: DataOwner,
  data: DataLocation,
): Promise<number> {
  switch (data.kind) {
    case "empty":
      return 0;
    case "inline":
      return data.bytes.length;
    case "chunks":
      return checkChunks(reader, owner, data.chunks);
    case "manifest":
      return checkManifest(reader, owner, data.ref);
  }
}

async function checkChunks(
  reader: ExtentReader,
  owner: DataOwner,
  chunks: readonly ChunkRef[],
): Promise<number> {
  let bytes = 0;
  for (const [chunk, ref] of chunks.entries()) {
    // No bytes of it: only the header is read, and verified against both.
    await reader.read(ref, { ...owner, kind: "data", chunk }, 0, 0);
    bytes += ref.length;
  }
  return bytes;
}

async function checkManifest(
  reader: ExtentReader,
  owner: DataOwner,
  ref: ChunkRef,
): Promise<number> {
  const identity: RecordIdentity = { ...owner, kind: "manifest", chunk: 0 };
  const manifest = decodeManifest(await reader.read(ref, identity, 0, ref.length));
  if (manifest.kind === "leaf") return checkChunks(reader, owner, manifest.chunks);
  let bytes = 0;
  for (const { number, size, blob, data } of manifest.parts) {
    const partBytes = await checkData(reader, { ...owner, blob, part: number }, data);
    if (partBytes !== size) {
      throw new StoreError("corrupt", `part ${number} has ${partBytes} bytes instead of ${size}`);
    }
    bytes += partBytes;
  }
  return bytes;
}
