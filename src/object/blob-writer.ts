import { must } from "../base/assert.ts";
import type { ExtentWriter } from "../extent/extent-writer.ts";
import type { ChunkRef, DataLocation } from "../format/chunk-ref.ts";
import type { ExtentClass } from "../format/extent-row.ts";
import type { BlobId, BucketId, UploadId } from "../format/ids.ts";
import { rowChunksMax } from "../format/limits.ts";
import type { Manifest } from "../format/manifest.ts";
import { encodeManifest } from "../format/manifest.ts";
import type { RecordIdentity } from "../format/record.ts";

/** The identity that the records of one blob share. */
export interface BlobIdentity {
  readonly bucket: BucketId;
  readonly key: Uint8Array;
  readonly blob: BlobId;
  readonly upload: UploadId | undefined;
  /** 0: not a part. */
  readonly part: number;
}

export function dataRecord(blob: BlobIdentity, chunk: number): RecordIdentity {
  return { ...blob, kind: "data", chunk };
}

export function manifestRecord(blob: BlobIdentity): RecordIdentity {
  return { ...blob, kind: "manifest", chunk: 0 };
}

/**
 * @limit One chunk on its way to the disk and one behind it; a third is being filled: 12 MiB an
 * upload, and of all uploads together what BodyBudget allows (C6).
 */
const appendsMax = 2;

/** Other uses of a chunk while it is appended. */
export interface ChunkUse {
  /** Resolves when nobody else reads the chunk any more; if that fails, so does the blob. */
  readonly hashed: Promise<void>;
  /** The chunk is no longer needed. */
  readonly done: () => void;
}

const onlyAppended: ChunkUse = { hashed: Promise.resolve(), done: () => undefined };

/** Appends the records of one blob, a few at a time, and remembers what it appended. */
export class BlobWriter {
  readonly #writer: ExtentWriter;
  readonly #extentClass: ExtentClass;
  readonly #blob: BlobIdentity;
  readonly #refs: (ChunkRef | undefined)[] = [];
  readonly #underWay: Promise<void>[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(writer: ExtentWriter, extentClass: ExtentClass, blob: BlobIdentity) {
    this.#writer = writer;
    this.#extentClass = extentClass;
    this.#blob = blob;
  }

  /**
   * Starts appending the next chunk; waits while too many are under way. Throws what an earlier
   * one failed with.
   */
  async append(chunk: Uint8Array, use: ChunkUse = onlyAppended): Promise<void> {
    while (this.#underWay.length >= appendsMax) await this.#underWay.shift();
    this.#throwFailure();
    this.#start(dataRecord(this.#blob, this.#refs.length), chunk, use);
  }

  /** Waits until all is synced; where it lies, behind a manifest if it is too much for a row. */
  async finish(): Promise<DataLocation> {
    const chunks = await this.#settle();
    if (chunks.length === 0) return { kind: "empty" };
    // The last one was looked at with its sync; before others the file may have gone since.
    if (chunks.length > 1) await this.#writer.assertInPlace(chunks);
    if (chunks.length <= rowChunksMax) return { kind: "chunks", chunks };
    return this.writeManifest({ kind: "leaf", chunks });
  }

  async writeManifest(manifest: Manifest): Promise<DataLocation> {
    this.#start(manifestRecord(this.#blob), encodeManifest(manifest));
    const ref = must((await this.#settle()).at(-1), "a manifest was appended");
    return { kind: "manifest", ref };
  }

  /** All that was appended; complete once `finish` has returned. */
  get appended(): readonly ChunkRef[] {
    return this.#refs.filter((ref) => ref !== undefined);
  }

  /** Gives up what was appended: no row will refer to it. */
  async abandon(): Promise<void> {
    await Promise.all(this.#underWay);
    this.#writer.release(this.appended);
  }

  #start(identity: RecordIdentity, payload: Uint8Array, use = onlyAppended): void {
    const index = this.#refs.push(undefined) - 1;
    const released = Promise.withResolvers<void>();
    const append = this.#writer.append(this.#extentClass, identity, payload, released.resolve);
    const appended = append.then((ref) => {
      this.#refs[index] = ref;
    });
    // A failure is kept until somebody looks, who may be waiting for the next bytes of the body
    // now.
    const done = Promise.allSettled([appended, use.hashed]).then((outcomes) => {
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") this.#failure ??= { error: outcome.reason };
      }
      // Slower members may still be reading it.
      void released.promise.then(use.done);
    });
    this.#underWay.push(done);
  }

  async #settle(): Promise<ChunkRef[]> {
    await Promise.all(this.#underWay.splice(0));
    this.#throwFailure();
    return this.#refs.map((ref) => must(ref, "every append is done"));
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
