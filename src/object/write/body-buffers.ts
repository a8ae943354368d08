import { BufferPool } from "../../base/buffer-pool.ts";
import { chunkBytesMax } from "../../format/limits.ts";
import { recordHeaderBytesMax } from "../../format/record.ts";
import { pieceBytesMax } from "../read/answer-budget.ts";
import { bodiesBytesMax } from "./body-budget.ts";

/** Kept for the next reads: 16 of them at full speed. */
const readBuffersKeptMax = 32;
/** As many as the budget of uploads has: none is made anew while it is used up. */
const chunkRoomsKeptMax = bodiesBytesMax / chunkBytesMax;

/** The memory that bodies of a process pass through. */
export interface BodyBuffers {
  /** For reads of up to `pieceBytesMax`, and the header of a record in front of them. */
  readonly readBuffers: BufferPool;
  /** For chunks of uploads. Shared memory: threads that hash see it without a copy. */
  readonly chunkRooms: BufferPool;
}

export function createBodyBuffers(): BodyBuffers {
  return {
    readBuffers: new BufferPool({
      bufferBytes: pieceBytesMax + recordHeaderBytesMax,
      keptMax: readBuffersKeptMax,
      create: (bytes) => new Uint8Array(bytes),
    }),
    chunkRooms: new BufferPool({
      bufferBytes: chunkBytesMax,
      keptMax: chunkRoomsKeptMax,
      create: (bytes) => new Uint8Array(new SharedArrayBuffer(bytes)),
    }),
  };
}
