import type { StoredChecksum } from "../format/checksum.ts";
import type { ObjectAttributes } from "../format/object-row.ts";
import type { HashAlgorithm } from "../platform/hash.ts";
import type { WriteCondition } from "./conditions.ts";
import type { ObjectStore } from "./object-store.ts";
import type { Refusal } from "./refusal.ts";

/** The bytes of a put or a part, and what to verify about them. */
export interface Upload {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** As announced; undefined if not. The body must have just this many bytes. */
  readonly sizeBytes: number | undefined;
  /** Digests to compute over the bytes; MD5 is always among those handed to `accept`. */
  readonly algorithms: readonly HashAlgorithm[];
  /**
   * Called once all bytes are read (trailers too), before anything becomes visible. Returns the checksum to keep;
   * throws whatever the caller wants thrown to reject the upload, and then nothing is stored.
   */
  accept(digests: ReadonlyMap<HashAlgorithm, Uint8Array>, sizeBytes: number): StoredChecksum;
}

export interface PutInput {
  readonly bucket: string;
  readonly key: Uint8Array;
  readonly attributes: ObjectAttributes;
  readonly condition: WriteCondition;
  readonly upload: Upload;
  readonly signal?: AbortSignal | undefined;
}

export interface Stored {
  /** With `-N` for multipart objects, without quotes. */
  readonly etag: string;
  readonly size: number;
  readonly modifiedMs: number;
  readonly checksum: StoredChecksum | undefined;
}

/** Stores an object; durable and visible in one instant (C1, C3), or nothing of it ever is. */
export declare function putObject(store: ObjectStore, input: PutInput): Promise<Stored | Refusal>;
