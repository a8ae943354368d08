import { StoreError } from "../base/errors.ts";
import type { BlobWriter } from "./blob-writer.ts";
import type { BodyBudget } from "./body-budget.ts";
import { BodyShare } from "./body-budget.ts";
import { ChunkCutter } from "./chunk-cutter.ts";
import type { Upload } from "./put.ts";

/**
 * Chunks of one upload that are cut short so that others have their turn. Past it …
 */
export const shortChunksMax = 64;
/**
 * … they must hold this much on average, or the upload is told to slow down: 5 GiB have 20,480 references
 * then, 450 kB of a manifest. As a chunk has a second at the least, it is 256 KiB/s while others wait.
 */
export const shortChunkBytesMin = 256 * 1024;

/** Cuts a body into chunks and appends them in order, within what uploads may hold together. */
export class ChunkAppender {
  readonly #writer: BlobWriter;
  readonly #cutter: ChunkCutter;
  readonly #share: BodyShare;
  #last: Promise<void> = Promise.resolve();
  #shortChunks = 0;
  #shortBytes = 0;

  constructor(writer: BlobWriter, budget: BodyBudget, upload: Upload) {
    this.#writer = writer;
    this.#cutter = new ChunkCutter(upload.sizeBytes, upload.reusesPieces !== true);
    this.#share = new BodyShare(budget, () => this.#cutShort());
  }

  /** Resolves when more may be read: waits for the budget and the disk. Throws what an append failed with. */
  async push(piece: Uint8Array): Promise<void> {
    if (
      this.#shortChunks > shortChunksMax &&
      this.#shortBytes < this.#shortChunks * shortChunkBytesMin
    ) {
      throw new StoreError("overloaded", "others wait, and the body comes too slowly");
    }
    for (const chunk of this.#cutter.push(piece)) {
      await this.#share.cover(chunk.length);
      await this.#append(chunk);
    }
    await this.#share.cover(this.#cutter.filledBytes, this.#cutter.chunkBytes);
  }

  /** Appends what is left. */
  finish(): Promise<void> {
    const last = this.#cutter.finish();
    return last.length > 0 ? this.#append(last) : this.#last;
  }

  /** Until nothing more of what was pushed is handed to the writer; never throws. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#last]);
  }

  /** Nothing more comes, and nothing of it is being written. */
  close(): void {
    this.#share.close();
  }

  /** In the middle of a chunk, from outside: the chunk goes as it is. */
  #cutShort(): void {
    const chunk = this.#cutter.finish();
    if (chunk.length === 0) return; // it is full and on its way
    this.#shortChunks++;
    this.#shortBytes += chunk.length;
    this.#append(chunk).catch(() => undefined); // who comes next is told
  }

  #append(chunk: Uint8Array): Promise<void> {
    const written = this.#share.handOver();
    this.#last = this.#last.then(() => this.#writer.append(chunk, written));
    return this.#last;
  }
}
