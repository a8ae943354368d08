import { StoreError } from "../../base/errors.ts";
import type { ChunkRef, DataLocation } from "../../format/chunk-ref.ts";
import type { StoredChecksum } from "../../format/checksum.ts";
import type { BlobIdentity } from "../blob-writer.ts";
import { BlobWriter } from "../blob-writer.ts";
import { ChunkAppender } from "./chunk-appender.ts";
import { digestOf, hashedBesideBytesMin, openDigests } from "./digests.ts";
import type { ObjectStore } from "../object-store.ts";
import type { Upload } from "./put.ts";
import type { Refusal } from "../refusal.ts";
import { refuse } from "../refusal.ts";
import { inPhase } from "../request-phases.ts";

/**
 * S3: one put, one part or one copy is at most 5 GiB. That is 1,280 chunks (and a few short ones), which
 * one leaf manifest holds.
 */
export const bodyBytesMax = 5 * 1024 ** 3;

/** A body on disk that no row refers to yet: `appended` is to be released once that is decided. */
export interface StoredBody {
  readonly size: number;
  readonly md5: Uint8Array;
  readonly checksum: StoredChecksum;
  readonly data: DataLocation;
  readonly appended: readonly ChunkRef[];
}

/**
 * Reads a body to its end, hashing and appending it chunk by chunk; synced when this returns.
 * `entityTooLarge`; throws what the body or `accept` throws, StoreError `invalid` where there are
 * more or fewer bytes than announced, `cancelled`, and the extent writer's. Unless it returns a
 * stored body, nothing of it is kept.
 */
export async function storeBody(
  store: ObjectStore,
  blob: BlobIdentity,
  upload: Upload,
  signal: AbortSignal | undefined,
): Promise<StoredBody | Refusal> {
  const announced = upload.sizeBytes;
  if (announced !== undefined && announced > bodyBytesMax) return tooLarge(announced);
  const writer = new BlobWriter(store.writer, blob);
  const hasher = openDigests(store.platform.hash, upload.algorithms, announced);
  const chunks = new ChunkAppender(store, upload, writer, hasher);
  let stored = false;
  try {
    let size = 0;
    for await (const piece of upload.bytes) {
      if (signal?.aborted === true) throw new StoreError("cancelled", "the upload was cancelled");
      size += piece.length;
      if (size > (announced ?? Infinity)) throw wrongSize(announced, size);
      if (size > bodyBytesMax) return tooLarge(size);
      await chunks.push(piece);
    }
    if (announced !== undefined && size < announced) throw wrongSize(announced, size);
    // A large body's last chunk is written while it is hashed; of a small body that is not accepted
    // nothing is written.
    if (size >= hashedBesideBytesMin) await inPhase(store.phases, "write", () => chunks.finish());
    const digests = await chunks.digests();
    const checksum = upload.accept(digests, size);
    const data = await inPhase(store.phases, "write", async () => {
      await chunks.finish();
      return writer.finish();
    });
    stored = true;
    return { size, md5: digestOf(digests, "md5"), checksum, data, appended: writer.appended };
  } finally {
    await chunks.settled();
    if (!stored) await writer.abandon();
    chunks.close();
  }
}

function tooLarge(size: number): Refusal {
  const details = { ProposedSize: String(size), MaxSizeAllowed: String(bodyBytesMax) };
  return refuse("entityTooLarge", { details });
}

function wrongSize(announced: number | undefined, size: number): StoreError {
  return new StoreError("invalid", `a body of ${size} bytes, where ${announced} were announced`);
}
