import { BufferPool } from "../base/buffer-pool.ts";
import { readRoomBytes } from "../extent/extent-reader.ts";
import { pieceBytesMax } from "./answer-budget.ts";

/** 32 MiB kept for the next reads: 16 of them at full speed. */
const readRoomsKeptMax = 32;
/** The memory that bodies of a process pass through. */
export interface BodyBuffers {
  /** For reads of `pieceBytesMax`. */
  readonly readRooms: BufferPool;
}

export function createBodyBuffers(): BodyBuffers {
  return {
    readRooms: new BufferPool({
      bufferBytes: pieceBytesMax + readRoomBytes,
      keptMax: readRoomsKeptMax,
      create: (bytes) => new Uint8Array(bytes),
    }),
  };
}
