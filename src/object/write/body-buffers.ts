import { BufferPool } from "../../base/buffer-pool.ts";
import { readRoomBytes } from "../../extent/extent-reader.ts";
import { chunkBytesMax } from "../../format/limits.ts";
import { pieceBytesMax } from "../read/answer-budget.ts";
import { bodiesBytesMax } from "./body-budget.ts";

/** 32 MiB kept for the next reads: 16 of them at full speed. */
const readRoomsKeptMax = 32;
/** As many as the budget of uploads has: none is made anew while it is used up. */
const chunkRoomsKeptMax = bodiesBytesMax / chunkBytesMax;

/** The memory that bodies of a process pass through. */
export interface BodyBuffers {
  /** For reads of `pieceBytesMax`. */
  readonly readRooms: BufferPool;
  /** For chunks of uploads. Shared memory: threads that hash see it without a copy. */
  readonly chunkRooms: BufferPool;
}

export function createBodyBuffers(): BodyBuffers {
  return {
    readRooms: new BufferPool({
      bufferBytes: pieceBytesMax + readRoomBytes,
      keptMax: readRoomsKeptMax,
      create: (bytes) => new Uint8Array(bytes),
    }),
    chunkRooms: new BufferPool({
      bufferBytes: chunkBytesMax,
      keptMax: chunkRoomsKeptMax,
      create: (bytes) => new Uint8Array(new SharedArrayBuffer(bytes)),
    }),
  };
}
