import type { BufferPool } from "../../base/buffer-pool.ts";
import { blockBytes } from "../../format/limits.ts";
import { pieceBytesMax } from "./answer-budget.ts";
import type { PlannedRead } from "./locations.ts";

/** A read under way. */
export interface Piece {
  readonly bytes: Promise<Uint8Array>;
  /** What it was granted. */
  readonly held: number;
  /** Where the bytes are put, if that is to be used again. */
  readonly room: Uint8Array | undefined;
}

/** Pieces smaller than this are not worth a room: new memory for them takes 0.2 ms. */
const roomyBytesMin = 256 * 1024;

/** Reads along a plan in pieces whose size is found when each begins. */
export class PieceReader {
  readonly #plan: AsyncIterator<PlannedRead>;
  readonly #rooms: BufferPool;
  #chunk: PlannedRead | undefined;
  #at = 0;

  constructor(plan: AsyncIterable<PlannedRead>, rooms: BufferPool) {
    this.#plan = plan[Symbol.asyncIterator]();
    this.#rooms = rooms;
  }

  /**
   * Begins to read the next piece; undefined at the end of the plan, or where nothing is granted.
   *
   * @param grant how many of so many bytes may be held: a block at least, or none.
   */
  async begin(grant: (wanted: number) => number): Promise<Piece | undefined> {
    if (this.#chunk === undefined || this.#at === this.#chunk.end) {
      const next = await this.#plan.next();
      if (next.done === true) return undefined;
      this.#chunk = next.value;
      this.#at = next.value.first;
    }
    const { end, read } = this.#chunk;
    const first = this.#at;
    const held = grant(Math.min(end - first, pieceBytesMax));
    if (held === 0) return undefined;
    // Up to the end of a block, so that none is verified twice.
    const last = first + held;
    this.#at = last >= end ? end : last - (last % blockBytes);
    const room = this.#at - first < roomyBytesMin ? undefined : this.#rooms.take();
    const bytes = read(first, this.#at, room);
    // It may fail before anybody looks: while the caller is sending, or because the caller has left.
    bytes.catch(() => undefined);
    return { bytes, held, room };
  }
}
