import { assert } from "./assert.ts";

/**
 * Buffers of one size that are used again and again. New memory costs more than the bytes in it:
 * each of its pages is cleared and mapped at the first touch, and given back only once it is
 * collected. Filling 64 MiB of new memory took 250 ms, filling the same again 17 ms (2 virtual
 * cores, November 2026).
 */
export class BufferPool {
  readonly bufferBytes: number;
  readonly #keptMax: number;
  readonly #create: (bytes: number) => Uint8Array;
  readonly #discard: ((buffer: Uint8Array) => void) | undefined;
  readonly #free: Uint8Array[] = [];

  /** Callers must bound the buffers in use; of the buffers given back, `keptMax` are kept. */
  constructor(options: {
    readonly bufferBytes: number;
    readonly keptMax: number;
    readonly create: (bytes: number) => Uint8Array;
    /** Called with those that are not kept. */
    readonly discard?: ((buffer: Uint8Array) => void) | undefined;
  }) {
    this.bufferBytes = options.bufferBytes;
    this.#keptMax = options.keptMax;
    this.#create = options.create;
    this.#discard = options.discard;
  }

  /** Filled with whatever its last user left. */
  take(): Uint8Array {
    return this.#free.pop() ?? this.#create(this.bufferBytes);
  }

  /** Takes back a whole buffer; the caller knows that nobody reads or writes it any more. */
  give(buffer: Uint8Array): void {
    assert(buffer.length === this.bufferBytes, "not a buffer of this pool");
    if (this.#free.length < this.#keptMax) this.#free.push(buffer);
    else this.#discard?.(buffer);
  }

  get freeBuffers(): number {
    return this.#free.length;
  }
}

/**
 * Memory for short values, which lie next to each other in arrays that are allocated once for many:
 * an array of its own costs 0.7 µs and as much again when it is collected (Node 26.10, 2 virtual
 * cores, November 2026). Nothing is read through it, so who shares one shares no state.
 */
export class ByteSlab {
  readonly #size: number;
  #bytes: Uint8Array;
  #used = 0;

  /** @param size what a value that is kept keeps, too, of its neighbours. */
  constructor(size: number) {
    this.#size = size;
    this.#bytes = new Uint8Array(size);
  }

  /** The array that holds the bytes `take` returned last. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Where `count` bytes, no more than the slab's size, begin; what is in them is nobody's. */
  take(count: number): number {
    if (this.#used + count > this.#size) {
      this.#bytes = new Uint8Array(this.#size);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += count;
    return start;
  }

  /** The end of what was taken is not needed; of use if nothing was taken since. */
  giveBack(bytes: Uint8Array, from: number, end: number): void {
    if (bytes === this.#bytes && end === this.#used) this.#used = from;
  }
}
