import type { BufferPool } from "../../base/buffer-pool.ts";
import { freeBytes } from "../../base/bytes.ts";
import { StoreError } from "../../base/errors.ts";
import { chunkBytesMax } from "../../format/limits.ts";
import type { BodyHasher, HashAlgorithm } from "../../platform/hash.ts";
import type { BlobWriter } from "../blob-writer.ts";
import { BodyShare } from "./body-budget.ts";
import { ChunkCutter } from "./chunk-cutter.ts";
import { hashStepBytes } from "./digests.ts";
import type { ObjectStore } from "../object-store.ts";
import type { Upload } from "./put.ts";
import type { RequestPhases } from "../request-phases.ts";
import { inPhase } from "../request-phases.ts";

/**
 * Chunks of one upload that are cut short so that others have their turn. Past it …
 */
export const shortChunksMax = 64;
/**
 * … they must hold this much on average, or the upload is told to slow down: 5 GiB have 20,480 references
 * then, 450 kB of a manifest. As a chunk has a second at the least, it is 256 KiB/s while others wait.
 */
export const shortChunkBytesMin = 256 * 1024;

/** Cuts a body into chunks, hashes and appends them in order, within what uploads may hold together. */
export class ChunkAppender {
  readonly #writer: BlobWriter;
  readonly #hasher: BodyHasher;
  readonly #rooms: BufferPool;
  readonly #cutter: ChunkCutter;
  readonly #share: BodyShare;
  readonly #phases: RequestPhases | undefined;
  readonly #ownsPieces: boolean;
  /** Bytes of the chunk being filled that were handed to the hasher, and when it is done with them. */
  #hashedBytes = 0;
  #hashed: Promise<void> = Promise.resolve();
  #last: Promise<void> = Promise.resolve();
  #shortChunks = 0;
  #shortBytes = 0;

  constructor(store: ObjectStore, upload: Upload, writer: BlobWriter, hasher: BodyHasher) {
    this.#writer = writer;
    this.#hasher = hasher;
    this.#rooms = store.buffers.chunkRooms;
    this.#cutter = new ChunkCutter({
      rooms: this.#rooms,
      sizeBytes: upload.sizeBytes,
      piecesLast: upload.pieces !== "passing",
    });
    this.#ownsPieces = upload.pieces === "given";
    this.#share = new BodyShare(store.bodies, () => this.#cutShort(), store.phases);
    this.#phases = store.phases;
  }

  /** Resolves when more may be read: waits for the budget and the disk. Throws what an append failed with. */
  async push(piece: Uint8Array): Promise<void> {
    if (
      this.#shortChunks > shortChunksMax &&
      this.#shortBytes < this.#shortChunks * shortChunkBytesMin
    ) {
      throw new StoreError("overloaded", "others wait, and the body comes too slowly");
    }
    let isCopied = true;
    for (let rest = piece; rest.length > 0;) {
      const { filledBytes, chunkBytes } = this.#cutter;
      const fitting = rest.subarray(0, chunkBytes - filledBytes);
      await this.#share.cover(filledBytes + fitting.length, chunkBytes);
      if (this.#cutter.push(fitting) === "kept") isCopied = false;
      rest = rest.subarray(fitting.length);
      if (this.#cutter.filledBytes === chunkBytesMax) {
        await inPhase(this.#phases, "write", () => this.#append());
      } else if (this.#cutter.filledBytes - this.#hashedBytes >= hashStepBytes) {
        this.#hash();
      }
    }
    if (isCopied && this.#ownsPieces) freeBytes(piece);
  }

  /** Of all that was pushed. */
  digests(): Promise<ReadonlyMap<HashAlgorithm, Uint8Array>> {
    this.#hash();
    return this.#hasher.digests();
  }

  /** Appends what is left. */
  finish(): Promise<void> {
    return this.#cutter.filledBytes > 0 ? this.#append() : this.#last;
  }

  /** Until nothing more of what was pushed is handed to the writer; never throws. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#last]);
  }

  /** Nothing more comes, and nothing of it is being written. */
  close(): void {
    this.#hasher.close();
    const { room } = this.#cutter.finish();
    const giveRoom = (): void => {
      if (room !== undefined) this.#rooms.give(room);
    };
    this.#hashed.then(giveRoom, giveRoom);
    this.#share.close();
  }

  /** In the middle of a chunk, from outside: the chunk goes as it is. */
  #cutShort(): void {
    if (this.#cutter.filledBytes === 0) return; // it is full and on its way
    this.#shortChunks++;
    this.#shortBytes += this.#cutter.filledBytes;
    this.#append().catch(() => undefined); // who comes next is told
  }

  /** Hands on what the hasher has not had yet. */
  #hash(): void {
    const bytes = this.#cutter.filledFrom(this.#hashedBytes);
    if (bytes.length === 0) return;
    this.#hashedBytes += bytes.length;
    const both = [this.#hashed, this.#hasher.update(bytes)];
    this.#hashed = Promise.all(both).then(() => undefined);
    this.#hashed.catch(() => undefined); // the writer tells of it, or the digests
  }

  #append(): Promise<void> {
    this.#hash();
    const { bytes, room } = this.#cutter.finish();
    const hashed = this.#hashed;
    this.#hashedBytes = 0;
    this.#hashed = Promise.resolve();
    const giveBack = this.#share.handOver();
    const done = (): void => {
      if (room !== undefined) this.#rooms.give(room);
      giveBack();
    };
    this.#last = this.#last.then(() => this.#writer.append(bytes, { hashed, done }));
    // The writer did not take it any more.
    this.#last.catch(() => hashed.then(done, done));
    return this.#last;
  }
}
