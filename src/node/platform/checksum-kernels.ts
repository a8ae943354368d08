import { readFileSync } from "node:fs";
import type { Hasher, XxhAlgorithm } from "../../platform/hash.ts";
import { instantiateKernel, type KernelExports, type KernelMemory } from "./kernel-memory.ts";

/**
 * The functions of kernels/crc.as.ts over the caller's bytes. States are CRCs as `digest` shows
 * them.
 */
export interface CrcKernel {
  crc32c(bytes: Uint8Array, previous: number): number;
  crc64nvme(bytes: Uint8Array, previous: bigint): bigint;
  combine32(polynomial: number, first: number, second: number, secondBytes: number): number;
  combine64nvme(first: bigint, second: bigint, secondBytes: number): bigint;
}

interface CrcExports extends KernelExports {
  crc32c(state: number, start: number, length: number): number;
  crc64nvme(state: bigint, start: number, length: number): bigint;
  combine32(polynomial: number, first: number, second: number, bytes: number): number;
  combine64(first: bigint, second: bigint, bytes: number): bigint;
}

/** One for each thread. */
export function createCrcKernel(memory: KernelMemory): CrcKernel {
  const wasm = readFileSync(new URL("kernels/crc.wasm", import.meta.url));
  const kernel = instantiateKernel<CrcExports>(memory, wasm);
  return {
    crc32c(bytes, previous) {
      let state = ~previous;
      memory.each(bytes, (at, length) => (state = kernel.crc32c(state, at, length)));
      return ~state >>> 0;
    },
    crc64nvme(bytes, previous) {
      let state = ~previous;
      memory.each(bytes, (at, length) => (state = kernel.crc64nvme(state, at, length)));
      return BigInt.asUintN(64, ~state);
    },
    combine32: (polynomial, first, second, secondBytes) =>
      kernel.combine32(polynomial, first, second, secondBytes) >>> 0,
    combine64nvme: (first, second, secondBytes) =>
      BigInt.asUintN(64, kernel.combine64(first, second, secondBytes)),
  };
}

interface StreamExports extends KernelExports {
  windowStart(): number;
  windowBytes(): number;
  stateStart(): number;
  stateBytes(): number;
  resultStart(): number;
  reset(): void;
  update(length: number): void;
}

interface Xxh64Exports extends StreamExports {
  digest(): void;
}

interface Xxh3Exports extends StreamExports {
  digest64(): void;
  digest128(): void;
  half64(start: number, length: number): number;
}

export interface XxhKernel {
  create(algorithm: XxhAlgorithm): Hasher;
  /** The digest of these bytes, without a hasher's state: that costs more than a short array. */
  digest(algorithm: XxhAlgorithm, bytes: Uint8Array): Uint8Array;
  /** The lower half of XXH3's 64 bits, of a block of a record at most. */
  xxh3Half(bytes: Uint8Array): number;
}

/** Runs kernels/xxh64.as.ts and kernels/xxh3.as.ts; there is one for each thread. */
export function createXxhKernel(memory: KernelMemory): XxhKernel {
  const xxh64 = instantiate<Xxh64Exports>(memory, "xxh64");
  const xxh3 = instantiate<Xxh3Exports>(memory, "xxh3");
  const streams: Readonly<Record<XxhAlgorithm, DigestStream>> = {
    xxhash64: new DigestStream(memory, xxh64, 8, () => xxh64.digest()),
    xxhash3: new DigestStream(memory, xxh3, 8, () => xxh3.digest64()),
    xxhash128: new DigestStream(memory, xxh3, 16, () => xxh3.digest128()),
  };
  return {
    create: (algorithm) => streams[algorithm].create(),
    digest: (algorithm, bytes) => streams[algorithm].digest(bytes),
    xxh3Half: (bytes) => xxh3.half64(memory.lay(bytes), bytes.length) >>> 0,
  };
}

function instantiate<Exports extends KernelExports>(memory: KernelMemory, name: string): Exports {
  const wasm = readFileSync(new URL(`kernels/${name}.wasm`, import.meta.url));
  return instantiateKernel<Exports>(memory, wasm);
}

/**
 * The kernel has one state; each hasher lays its own there before it goes on, and takes it away
 * afterwards.
 */
class DigestStream {
  readonly #memory: KernelMemory;
  readonly #kernel: StreamExports;
  readonly #digestBytes: number;
  readonly #finish: () => void;
  readonly #window: Uint8Array;
  readonly #state: Uint8Array;

  constructor(
    memory: KernelMemory,
    kernel: StreamExports,
    digestBytes: number,
    finish: () => void,
  ) {
    this.#memory = memory;
    this.#kernel = kernel;
    this.#digestBytes = digestBytes;
    this.#finish = finish;
    this.#window = memory.view(kernel.windowStart(), kernel.windowBytes());
    this.#state = memory.view(kernel.stateStart(), kernel.stateBytes());
  }

  create(): Hasher {
    this.#kernel.reset();
    const own = new Uint8Array(this.#state);
    return {
      update: (bytes) => {
        this.#state.set(own);
        this.#update(bytes);
        own.set(this.#state);
      },
      digest: () => {
        this.#state.set(own);
        return this.#result();
      },
    };
  }

  digest(bytes: Uint8Array): Uint8Array {
    this.#kernel.reset();
    this.#update(bytes);
    return this.#result();
  }

  #update(bytes: Uint8Array): void {
    const { length: windowBytes } = this.#window;
    for (let at = 0; at < bytes.length; at += windowBytes) {
      const piece = bytes.subarray(at, at + windowBytes);
      this.#memory.copy(piece, this.#window, 0);
      this.#kernel.update(piece.length);
    }
  }

  #result(): Uint8Array {
    this.#finish();
    return new Uint8Array(this.#memory.view(this.#kernel.resultStart(), this.#digestBytes));
  }
}
