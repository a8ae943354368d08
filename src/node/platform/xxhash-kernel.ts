import { readFileSync } from "node:fs";
import { must } from "../../base/assert.ts";
import type { Hasher, XxhAlgorithm } from "../../platform/hash.ts";

interface StreamExports {
  readonly memory: WebAssembly.Memory;
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
  half64(length: number): number;
}

export interface XxhKernel {
  create(algorithm: XxhAlgorithm): Hasher;
  /** The lower half of XXH3's 64 bits, of no more bytes than the kernel's window has. */
  xxh3Half(bytes: Uint8Array): number;
}

/** What runs in kernels/xxh64.as.ts and kernels/xxh3.as.ts; one per process holds their memory. */
export function createXxhKernel(): XxhKernel {
  const xxh64 = instantiate<Xxh64Exports>("xxh64");
  const xxh3 = instantiate<Xxh3Exports>("xxh3");
  const window = windowOf(xxh3);
  return {
    create(algorithm) {
      switch (algorithm) {
        case "xxhash64":
          return streamHasher(xxh64, 8, () => {
            xxh64.digest();
          });
        case "xxhash3":
          return streamHasher(xxh3, 8, () => {
            xxh3.digest64();
          });
        case "xxhash128":
          return streamHasher(xxh3, 16, () => {
            xxh3.digest128();
          });
      }
    },
    xxh3Half(bytes) {
      window.set(bytes);
      return xxh3.half64(bytes.length) >>> 0;
    },
  };
}

function windowOf(kernel: StreamExports): Uint8Array {
  return new Uint8Array(kernel.memory.buffer, kernel.windowStart(), kernel.windowBytes());
}

function instantiate<Exports>(name: string): Exports {
  const bytes = readFileSync(new URL(`kernels/${name}.wasm`, import.meta.url));
  const module = new WebAssembly.Module(bytes);
  const instance = new WebAssembly.Instance(module, { env: { abort: kernelAborted } });
  // What a WebAssembly module exports is known to its source alone; the test compares both.
  return instance.exports as unknown as Exports;
}

/** The kernel has one state; each hasher lays its own there before it goes on, and takes it away afterwards. */
function streamHasher(kernel: StreamExports, digestBytes: number, finish: () => void): Hasher {
  const { buffer } = kernel.memory;
  const window = windowOf(kernel);
  const windowBytes = window.length;
  const shared = new Uint8Array(buffer, kernel.stateStart(), kernel.stateBytes());
  kernel.reset();
  const own = shared.slice();
  return {
    update(bytes) {
      shared.set(own);
      for (let at = 0; at < bytes.length; at += windowBytes) {
        const piece = bytes.subarray(at, at + windowBytes);
        window.set(piece);
        kernel.update(piece.length);
      }
      own.set(shared);
    },
    digest() {
      shared.set(own);
      finish();
      return new Uint8Array(buffer, kernel.resultStart(), digestBytes).slice();
    },
  };
}

function kernelAborted(): never {
  return must<never>(undefined, "a kernel asked for memory");
}
