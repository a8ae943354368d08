import { readFileSync } from "node:fs";
import { must } from "../../base/assert.ts";

/** The functions of kernels/crc.as.ts over the caller's bytes. States are CRCs as `digest` shows them. */
export interface CrcKernel {
  crc32c(bytes: Uint8Array, previous: number): number;
  crc64nvme(bytes: Uint8Array, previous: bigint): bigint;
  combine32(polynomial: number, first: number, second: number, secondBytes: number): number;
  combine64nvme(first: bigint, second: bigint, secondBytes: number): bigint;
}

interface KernelExports {
  readonly memory: WebAssembly.Memory;
  windowStart(): number;
  windowBytes(): number;
  crc32c(state: number, length: number): number;
  crc64nvme(state: bigint, length: number): bigint;
  combine32(polynomial: number, first: number, second: number, bytes: number): number;
  combine64(first: bigint, second: bigint, bytes: number): bigint;
}

/** An instance has a memory of its own: make one per process and keep it. */
export function createCrcKernel(): CrcKernel {
  const module = new WebAssembly.Module(readFileSync(new URL("kernels/crc.wasm", import.meta.url)));
  const instance = new WebAssembly.Instance(module, { env: { abort: kernelAborted } });
  // What a WebAssembly module exports is known to its source alone; the test compares both.
  const kernel = instance.exports as unknown as KernelExports;
  const windowBytes = kernel.windowBytes();
  const window = new Uint8Array(kernel.memory.buffer, kernel.windowStart(), windowBytes);

  /** Calls `step` with the count of each piece that was copied into the window. */
  function throughWindow(bytes: Uint8Array, step: (length: number) => void): void {
    if (bytes.length <= windowBytes) {
      window.set(bytes);
      step(bytes.length);
      return;
    }
    for (let at = 0; at < bytes.length; at += windowBytes) {
      const piece = bytes.subarray(at, at + windowBytes);
      window.set(piece);
      step(piece.length);
    }
  }

  return {
    crc32c(bytes, previous) {
      let state = ~previous;
      throughWindow(bytes, (length) => (state = kernel.crc32c(state, length)));
      return ~state >>> 0;
    },
    crc64nvme(bytes, previous) {
      let state = ~previous;
      throughWindow(bytes, (length) => (state = kernel.crc64nvme(state, length)));
      return BigInt.asUintN(64, ~state);
    },
    combine32: (polynomial, first, second, secondBytes) =>
      kernel.combine32(polynomial, first, second, secondBytes) >>> 0,
    combine64nvme: (first, second, secondBytes) =>
      BigInt.asUintN(64, kernel.combine64(first, second, secondBytes)),
  };
}

function kernelAborted(): never {
  return must<never>(undefined, "a kernel asked for memory");
}
