import { BufferPool } from "../../base/buffer-pool.ts";
import { chunkBytesMax } from "../../format/limits.ts";
import { recordHeaderBytesMax } from "../../format/record.ts";
import { pieceBytesMax } from "../read/answer-budget.ts";
import { must } from "../../base/assert.ts";
import { bodiesBytesMax } from "./body-budget.ts";

/** Kept for the next reads: 16 of them at full speed. */
const readBuffersKeptMax = 32;
/**
 * Chunks come in these sizes of memory: most are whole, but a body of 256 KiB must not take 4 MiB of the budget. As many
 * are kept as the budget of uploads has for whole chunks, so that none is made anew while it is used up; of the smaller
 * ones 32 MiB together.
 */
const chunkBuffers = [
  { bufferBytes: 256 * 1024, keptMax: 64 },
  { bufferBytes: 1024 * 1024, keptMax: 16 },
  { bufferBytes: chunkBytesMax, keptMax: bodiesBytesMax / chunkBytesMax },
] as const;

/** The memory that bodies of a process pass through. */
export interface BodyBuffers {
  /** For reads of up to `pieceBytesMax`, and the header of a record in front of them. */
  readonly readBuffers: BufferPool;
  /** For chunks of uploads, by size. Shared memory: threads that hash see it without a copy. */
  readonly chunkBuffers: readonly BufferPool[];
}

export function createBodyBuffers(): BodyBuffers {
  return {
    readBuffers: new BufferPool({
      bufferBytes: pieceBytesMax + recordHeaderBytesMax,
      keptMax: readBuffersKeptMax,
      create: (bytes) => new Uint8Array(bytes),
    }),
    chunkBuffers: chunkBuffers.map(
      (each) =>
        new BufferPool({
          ...each,
          create: (bytes) => new Uint8Array(new SharedArrayBuffer(bytes)),
        }),
    ),
  };
}

/** The smallest buffers that hold so many bytes of a chunk. */
export function chunkPoolOf(buffers: BodyBuffers, chunkBytes: number): BufferPool {
  const pool = buffers.chunkBuffers.find(({ bufferBytes }) => bufferBytes >= chunkBytes);
  return must(pool, "a chunk is no larger than the largest buffer");
}
