import type { BufferPool } from "../../base/buffers.ts";
import { noBytes } from "../../base/bytes.ts";
import { StoreError } from "../../base/errors.ts";
import { blockBytes, chunkBytesMax } from "../../format/limits.ts";
import type { BodyHasher, HashAlgorithm } from "../../platform/hash.ts";
import type { BlobWriter } from "../blob-writer.ts";
import { BodyShare, freeBytesPerUpload } from "./body-budget.ts";
import { chunkPoolOf } from "./body-buffers.ts";
import { hashStepBytes, openDigests } from "./digests.ts";
import type { ObjectStore } from "../object-store.ts";

/** @limit Chunks of one upload that are cut short so that others have their turn. Past it … */
export const shortChunksMax = 64;
/**
 * @limit … they must hold this much on average, or the upload is answered SlowDown: 5 GiB have
 * 20,480 references then, 450 kB of a manifest. As a chunk has a second at the least, it is 256
 * KiB/s while others wait.
 */
export const shortChunkBytesMin = 256 * 1024;

/**
 * Gathers a large body in chunks of `chunkBytesMax` and a last one, hashes them on the way and
 * appends them in order, within what uploads may hold together. Each byte is copied once, to where
 * it is hashed and written from.
 *
 * How it is used: for bytes that have come, `makeSpace`, wait where it says so, `fill`, and
 * `append` where the chunk is full.
 */
export class ChunkFiller {
  readonly #store: ObjectStore;
  readonly #writer: BlobWriter;
  readonly #hasher: BodyHasher;
  readonly #share: BodyShare;
  /** Bytes of the body from the chunk being filled on, where that was announced. */
  #expected: number;
  readonly #hashStepBytes: number;
  /** The chunk being filled, and the pool that its buffer goes back to. */
  #buffer: Uint8Array = noBytes;
  #pool: BufferPool | undefined;
  #filled = 0;
  /** Bytes of it that were handed to the hasher, and when it is done with them. */
  #hashedBytes = 0;
  #hashed: Promise<void> = Promise.resolve();
  #last: Promise<void> = Promise.resolve();
  #shortChunks = 0;
  #shortBytes = 0;

  constructor(
    store: ObjectStore,
    sizeBytes: number | undefined,
    algorithms: readonly HashAlgorithm[],
    writer: BlobWriter,
  ) {
    this.#store = store;
    this.#writer = writer;
    this.#expected = sizeBytes ?? Infinity;
    this.#hashStepBytes = hashStepBytes(sizeBytes);
    this.#hasher = openDigests(store.platform.hash, algorithms, sizeBytes);
    this.#share = new BodyShare(store.bodies, () => this.#cutShort(), store.phases);
  }

  get isFull(): boolean {
    return this.#filled === chunkBytesMax;
  }

  /** The size that the chunk being filled may reach. */
  get #chunkBytes(): number {
    return Math.min(chunkBytesMax, this.#expected);
  }

  /**
   * Sees to it that some of these bytes can be taken; a promise where that has to wait for upload
   * memory. StoreError `overloaded`.
   */
  makeSpace(bytes: number): Promise<void> | undefined {
    if (
      this.#shortChunks > shortChunksMax &&
      this.#shortBytes < this.#shortChunks * shortChunkBytesMin
    ) {
      throw new StoreError("overloaded", "upload too slow while others wait for upload memory");
    }
    const held = Math.min(this.#filled + bytes, this.#chunkBytes);
    const pool = chunkPoolOf(this.#store.buffers, this.#chunkBytes);
    return this.#share.cover(held, pool.bufferBytes);
  }

  /** Copies as much as the chunk takes, and hashes it in steps; how much it was. */
  fill(bytes: Uint8Array): number {
    const chunkBytes = this.#chunkBytes;
    const count = Math.min(bytes.length, chunkBytes - this.#filled);
    const needed = this.#filled + count;
    if (needed > this.#buffer.length) this.#enlarge(needed, chunkBytes);
    const fitting = count === bytes.length ? bytes : bytes.subarray(0, count);
    this.#store.platform.memory.copy(fitting, this.#buffer, this.#filled);
    this.#filled = needed;
    // Whole blocks, since memory that is not aligned is slow to hash.
    if (needed - this.#hashedBytes >= this.#hashStepBytes)
      this.#hash(needed - (needed % blockBytes));
    return count;
  }

  /** The digests of all bytes taken. */
  digests(): Promise<ReadonlyMap<HashAlgorithm, Uint8Array>> {
    this.#hash();
    return this.#hasher.digests();
  }

  /** Appends what is left. */
  finish(): Promise<void> {
    return this.#filled > 0 ? this.append() : this.#last;
  }

  /** Resolves when nothing more of what was taken is handed to the writer; never throws. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#last]);
  }

  /** Nothing more comes, and nothing of it is being written. */
  close(): void {
    this.#hasher.close();
    const { give } = this.#takeChunk();
    this.#hashed.then(give, give);
    this.#share.close();
  }

  /**
   * Appends the chunk as it is; resolves when the next one may be filled. Throws what an earlier
   * append failed with.
   */
  append(): Promise<void> {
    this.#hash();
    const hashed = this.#hashed;
    this.#hashed = Promise.resolve();
    const { bytes, give } = this.#takeChunk();
    const giveBack = this.#share.handOver();
    const done = (): void => {
      give();
      giveBack();
    };
    this.#last = this.#last.then(() => this.#writer.append(bytes, { hashed, done }));
    // The writer did not take it any more.
    this.#last.catch(() => hashed.then(done, done));
    return this.#last;
  }

  /** Called from outside in the middle of a chunk, which goes as it is. */
  #cutShort(): void {
    if (this.#filled === 0) return; // it is full and on its way
    this.#shortChunks++;
    this.#shortBytes += this.#filled;
    this.append().catch(() => undefined); // the next caller gets the failure
  }

  /** Hands on what the hasher has not had yet. */
  #hash(end = this.#filled): void {
    const bytes = this.#buffer.subarray(this.#hashedBytes, end);
    if (bytes.length === 0) return;
    this.#hashedBytes = end;
    const done = this.#hasher.update(bytes);
    if (done === undefined) return;
    this.#hashed = Promise.all([this.#hashed, done]).then(() => undefined);
    this.#hashed.catch(() => undefined); // the writer reports it, or the digests
  }

  /**
   * A slow sender of little holds little: a buffer of the pool is taken once the chunk is paid for.
   */
  #enlarge(needed: number, chunkBytes: number): void {
    const before = this.#buffer.subarray(0, this.#filled);
    if (needed <= freeBytesPerUpload) {
      this.#buffer = new Uint8Array(Math.min(freeBytesPerUpload, chunkBytes));
    } else {
      this.#pool = chunkPoolOf(this.#store.buffers, chunkBytes);
      this.#buffer = this.#pool.take();
    }
    this.#buffer.set(before);
  }

  /** The chunk so far; the next bytes begin another. */
  #takeChunk(): { readonly bytes: Uint8Array; readonly give: () => void } {
    const [buffer, pool, filled] = [this.#buffer, this.#pool, this.#filled];
    this.#buffer = noBytes;
    this.#pool = undefined;
    this.#filled = 0;
    this.#hashedBytes = 0;
    this.#expected -= filled;
    return { bytes: buffer.subarray(0, filled), give: () => pool?.give(buffer) };
  }
}
