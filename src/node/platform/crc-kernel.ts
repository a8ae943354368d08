import { readFileSync } from "node:fs";
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
