import { assert } from "../../base/assert.ts";
import type { ThreadMemory } from "../../platform/platform.ts";

/** A range of a memory that threads share; as it is sent to a thread. */
export interface MemoryRange {
  readonly memory: WebAssembly.Memory;
  readonly start: number;
  readonly end: number;
}

/** The alignment that direct writes need (see direct-file.ts). */
const alignment = 4096;
/** Bytes that lie elsewhere are copied to a window of this size, a piece at a time. */
export const windowBytes = 64 * 1024;
/** The memory of one instance of each kernel: tables, states and windows, 250 KiB. */
export const kernelBytes = 512 * 1024;

/**
 * Memory that the threads of a process and their WebAssembly kernels share: what lies in it is
 * hashed where it is, by whichever thread. A kernel that has to be brought its bytes first costs a
 * copy of each, and V8 copies out of shared memory byte by byte where source and target are not
 * aligned alike: that was a quarter of a large upload's processor time (Node 26.10, November 2026).
 *
 * All of it is address space from the start; a page takes memory from its first use on, and is
 * never given back to the system.
 */
export class KernelMemory implements ThreadMemory {
  readonly #memory: WebAssembly.Memory;
  /** One object for all: whose `buffer` it is lies in this memory. */
  readonly #buffer: ArrayBufferLike;
  readonly #end: number;
  #next: number;
  /** Where memory of a size was given back. */
  readonly #free = new Map<number, number[]>();
  readonly #window: Uint8Array;

  constructor(range: MemoryRange) {
    this.#memory = range.memory;
    this.#buffer = range.memory.buffer;
    this.#next = range.start;
    this.#end = range.end;
    this.#window = this.view(this.reserve(windowBytes), windowBytes);
  }

  static create(bytes: number): KernelMemory {
    const pages = Math.ceil(bytes / 65_536);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    return new KernelMemory({ memory, start: 0, end: pages * 65_536 });
  }

  get memory(): WebAssembly.Memory {
    return this.#memory;
  }

  /** Takes a buffer; while all are in use, other memory. */
  allocate(bytes: number): Uint8Array {
    const freed = this.#free.get(bytes)?.pop();
    if (freed !== undefined) return this.view(freed, bytes);
    if (this.#alignedNext + bytes > this.#end) return new Uint8Array(bytes);
    return this.view(this.reserve(bytes), bytes);
  }

  free(bytes: Uint8Array): void {
    const at = this.placeOf(bytes);
    if (at === undefined) return;
    const places = this.#free.get(bytes.length) ?? [];
    places.push(at);
    this.#free.set(bytes.length, places);
  }

  /** Reserves bytes for an object that lives as long as the process. */
  reserve(bytes: number): number {
    const at = this.#alignedNext;
    assert(at + bytes <= this.#end, "the memory of kernels is used up");
    this.#next = at + bytes;
    return at;
  }

  /** A range for another thread. */
  reserveRange(bytes: number): MemoryRange {
    const start = this.reserve(bytes);
    return { memory: this.#memory, start, end: start + bytes };
  }

  view(at: number, bytes: number): Uint8Array {
    return new Uint8Array(this.#buffer, at, bytes);
  }

  words(at: number, count: number): Uint32Array {
    return new Uint32Array(this.#buffer, at, count);
  }

  /** Where bytes begin in it; undefined where they lie elsewhere. */
  placeOf(bytes: Uint8Array): number | undefined {
    return bytes.buffer === this.#buffer ? bytes.byteOffset : undefined;
  }

  /**
   * Where bytes can be read until the next call: where they are, or in the window. No more than a
   * window has.
   */
  lay(bytes: Uint8Array): number {
    const at = this.placeOf(bytes);
    if (at !== undefined) return at;
    this.#window.set(bytes);
    return this.#window.byteOffset;
  }

  /**
   * Calls `use` with the places of all bytes, in order: all where they are, or a piece at a time in
   * the window.
   */
  each(bytes: Uint8Array, use: (at: number, length: number) => void): void {
    if (bytes.length <= windowBytes || this.placeOf(bytes) !== undefined) {
      return use(this.lay(bytes), bytes.length);
    }
    for (let at = 0; at < bytes.length; at += windowBytes) {
      const piece = bytes.subarray(at, at + windowBytes);
      use(this.lay(piece), piece.length);
    }
  }

  /**
   * A Buffer's own copy: V8's copies into shared memory byte by byte, 0.27 s/GB of a core instead
   * of 0.05.
   */
  copy(bytes: Uint8Array, target: Uint8Array, at: number): void {
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).copy(target, at);
  }

  get #alignedNext(): number {
    return Math.ceil(this.#next / alignment) * alignment;
  }
}

/**
 * A kernel of kernels/ in this memory. What it exports is known to its source alone; the tests
 * compare both.
 */
export function instantiateKernel<Exports extends KernelExports>(
  memory: KernelMemory,
  wasm: Uint8Array,
): Exports {
  const module = new WebAssembly.Module(wasm);
  const env = { memory: memory.memory, abort: kernelAborted };
  const kernel = new WebAssembly.Instance(module, { env }).exports as unknown as Exports;
  kernel.begin(memory.reserve(kernel.ownBytes()));
  return kernel;
}

export interface KernelExports {
  ownBytes(): number;
  begin(own: number): void;
}

function kernelAborted(): never {
  throw new Error("a kernel asked for memory");
}
