import { freeBytes } from "../../base/bytes.ts";
import { StoreError } from "../../base/errors.ts";
import type { ChunkRef, DataLocation } from "../../format/chunk-ref.ts";
import type { StoredChecksum } from "../../format/checksum.ts";
import type { ExtentClass } from "../../format/extent-row.ts";
import type { BlobIdentity } from "../blob-writer.ts";
import { BlobWriter, dataRecord } from "../blob-writer.ts";
import { ChunkFiller } from "./chunk-filler.ts";
import { acceptWhole, digestOf, ownHashBytesMax } from "./digests.ts";
import type { ObjectStore } from "../object-store.ts";
import type { Refusal } from "../refusal.ts";
import { refuse } from "../refusal.ts";
import { inPhase } from "../request-phases.ts";
import type { BodyPieces, IncomingBody, WholeBody } from "./incoming-body.ts";

/**
 * @limit S3: one put, one part or one copy is at most 5 GiB. That is 1,280 chunks (and a few short
 * ones), which one leaf manifest holds.
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

/** A blob that is to be stored, and the extents that it goes to. */
export interface NewBlob {
  readonly identity: BlobIdentity;
  readonly extentClass: ExtentClass;
}

/**
 * Reads, verifies and appends a body; synced when this returns. `entityTooLarge`; throws what the
 * body or `accept` throws, StoreError `invalid` where there are more or fewer bytes than announced,
 * `cancelled`, and the extent writer's. Unless it returns a stored body, nothing of it is kept.
 */
export function storeBody(
  store: ObjectStore,
  blob: NewBlob,
  incoming: IncomingBody,
): Promise<StoredBody | Refusal> {
  const { body, sizeBytes } = incoming;
  if (sizeBytes !== undefined && sizeBytes > bodyBytesMax) {
    return Promise.resolve(tooLarge(sizeBytes));
  }
  return body.kind === "whole"
    ? storeWhole(store, blob, incoming, body)
    : storePieces(store, blob, incoming, body);
}

/**
 * A small body, step by step; it waits for its bytes, where they have not come yet, and for the
 * disk.
 */
async function storeWhole(
  { platform, writer, phases }: ObjectStore,
  { identity, extentClass }: NewBlob,
  incoming: IncomingBody,
  body: WholeBody,
): Promise<StoredBody> {
  const read = body.read();
  const bytes = read instanceof Promise ? await read : read;
  const size = bytes.length;
  if (size !== incoming.sizeBytes) throw wrongSize(incoming.sizeBytes, size);
  const { md5, checksum } = acceptWhole(platform.hash, incoming, bytes);
  if (size === 0) return { size, md5, checksum, data: { kind: "empty" }, appended: [] };
  phases.wait("write");
  try {
    const released = body.ownership === "owned" ? () => freeBytes(bytes) : undefined;
    const chunk = await writer.append(extentClass, dataRecord(identity, 0), bytes, released);
    const chunks = [chunk];
    return { size, md5, checksum, data: { kind: "chunks", chunks }, appended: chunks };
  } finally {
    phases.waited();
  }
}

/** A large body, or one of unknown size: it is hashed and appended chunk by chunk as it comes. */
async function storePieces(
  store: ObjectStore,
  { identity, extentClass }: NewBlob,
  incoming: IncomingBody,
  { pieces, decoder, ownership, signal }: BodyPieces,
): Promise<StoredBody | Refusal> {
  const announced = incoming.sizeBytes;
  const writer = new BlobWriter(store.writer, extentClass, identity);
  const chunks = new ChunkFiller(store, announced, incoming.algorithms, writer);
  let stored = false;
  try {
    let size = 0;
    for await (const piece of pieces) {
      if (signal?.aborted === true) throw new StoreError("cancelled", "the upload was cancelled");
      for (const bytes of decoder.push(piece)) {
        size += bytes.length;
        if (size > (announced ?? Infinity)) throw wrongSize(announced, size);
        if (size > bodyBytesMax) return tooLarge(size);
        for (let rest = bytes; rest.length > 0;) {
          const space = chunks.makeSpace(rest.length);
          if (space !== undefined) await space;
          rest = rest.subarray(chunks.fill(rest));
          if (chunks.isFull) await inPhase(store.phases, "write", () => chunks.append());
        }
      }
      if (ownership === "owned") freeBytes(piece);
      if (decoder.isPastEnd) break;
    }
    decoder.end();
    if (announced !== undefined && size < announced) throw wrongSize(announced, size);
    // A large body's last chunk is written while it is hashed; of a smaller body that is not
    // accepted nothing is written.
    if (size > ownHashBytesMax) {
      await inPhase(store.phases, "write", () => chunks.finish());
    }
    const digests = await chunks.digests();
    const checksum = incoming.accept(digests, size);
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
