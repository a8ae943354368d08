import { BufferPool } from "../../base/buffers.ts";
import { chunkBytesMax } from "../../format/limits.ts";
import { recordHeaderBytesMax } from "../../format/record.ts";
import { pieceBytesMax } from "../read/answer-budget.ts";
import { must } from "../../base/assert.ts";
import type { ThreadMemory } from "../../platform/platform.ts";
import { bodiesBytesMax } from "./body-budget.ts";
import { ownHashBytesMax } from "./digests.ts";

/** @limit Kept for the next reads: 16 of them at full speed. */
const readBuffersKeptMax = 32;
/**
 * Chunks come in these sizes of memory: most are whole, but a body of 256 KiB must not take 4 MiB
 * of the budget. Of the smaller ones 32 MiB are kept together …
 */
const smallBuffers = [
  { bufferBytes: 256 * 1024, keptMax: 64 },
  { bufferBytes: ownHashBytesMax, keptMax: 16 },
] as const;
/**
 * @limit … and of whole chunks as many as the budget of uploads has, so that none is allocated
 * again while it is used up.
 */
const wholeBuffersKeptMax = bodiesBytesMax / chunkBytesMax;

/** The memory that bodies of a process pass through. */
export interface BodyBuffers {
  /** Buffers for reads of up to `pieceBytesMax`, with the header of a record in front. */
  readonly readBuffers: BufferPool;
  /**
   * Buffers for chunks of uploads, by size; in memory that threads share, so that they hash it
   * without a copy.
   */
  readonly chunkBuffers: readonly BufferPool[];
}

export function createBodyBuffers(memory: ThreadMemory): BodyBuffers {
  const create = (bytes: number): Uint8Array => memory.allocate(bytes);
  const discard = (buffer: Uint8Array): void => memory.free(buffer);
  const whole = { bufferBytes: chunkBytesMax, keptMax: wholeBuffersKeptMax };
  return {
    readBuffers: new BufferPool({
      bufferBytes: pieceBytesMax + recordHeaderBytesMax,
      keptMax: readBuffersKeptMax,
      // Memory of their own: one that its answer may still be sent from, because the peer left, is
      // not given back.
      create: (bytes) => new Uint8Array(bytes),
    }),
    chunkBuffers: [...smallBuffers, whole].map(
      (sizes) => new BufferPool({ ...sizes, create, discard }),
    ),
  };
}

/** The smallest buffers that hold so many bytes of a chunk. */
export function chunkPoolOf(buffers: BodyBuffers, chunkBytes: number): BufferPool {
  const pool = buffers.chunkBuffers.find(({ bufferBytes }) => bufferBytes >= chunkBytes);
  return must(pool, "a chunk is no larger than the largest buffer");
}
