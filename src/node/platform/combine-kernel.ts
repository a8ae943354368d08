import { readFileSync } from "node:fs";
import { assert } from "../../base/assert.ts";
import { assertCombinable } from "../../erasure/combine.ts";
import { shardsMax } from "../../erasure/reed-solomon.ts";
import {
  instantiateKernel,
  type KernelExports,
  KernelMemory,
  type MemoryRange,
} from "./kernel-memory.ts";

interface CombineExports extends KernelExports {
  inputsStart(): number;
  outputsStart(): number;
  coefficientsStart(): number;
  combine(outputs: number, inputs: number, length: number): void;
}

/** Shards that lie outside the memory are copied to windows, which have so much memory together. */
const windowsBytes = 256 * 1024;
/** The memory of one instance: its windows, 60 KiB of tables, and the window of each memory. */
export const combineKernelBytes = 512 * 1024;

/** Runs kernels/combine.as.ts, in a range of a memory that threads share. One for each thread. */
export class CombineKernel {
  readonly #memory: KernelMemory;
  readonly #kernel: CombineExports;
  readonly #inputPlaces: Uint32Array;
  readonly #outputPlaces: Uint32Array;
  readonly #windows: number;

  constructor(range: MemoryRange) {
    const memory = new KernelMemory(range);
    const wasm = readFileSync(new URL("kernels/combine.wasm", import.meta.url));
    this.#memory = memory;
    this.#kernel = instantiateKernel<CombineExports>(memory, wasm);
    this.#inputPlaces = memory.words(this.#kernel.inputsStart(), shardsMax);
    this.#outputPlaces = memory.words(this.#kernel.outputsStart(), shardsMax);
    this.#windows = memory.reserve(windowsBytes);
  }

  /** `Combiner.combine`. */
  combine(
    outputs: readonly Uint8Array[],
    inputs: readonly Uint8Array[],
    coefficients: readonly Uint8Array[],
  ): void {
    assertCombinable(outputs, inputs, coefficients);
    assert(outputs.length + inputs.length <= shardsMax, "more shards than a code has");
    let coefficientsEnd = this.#kernel.coefficientsStart();
    for (const row of coefficients) {
      this.#memory.view(coefficientsEnd, row.length).set(row);
      coefficientsEnd += row.length;
    }
    const length = outputs[0]?.length ?? 0;
    const windows = [...inputs, ...outputs].filter((shard) => this.#isElsewhere(shard)).length;
    const strip = windows === 0 ? length : Math.floor(windowsBytes / windows / 64) * 64;
    for (let at = 0; at < length; at += strip) {
      this.#combineStrip(outputs, inputs, at, Math.min(at + strip, length));
    }
  }

  #combineStrip(
    outputs: readonly Uint8Array[],
    inputs: readonly Uint8Array[],
    start: number,
    end: number,
  ): void {
    const bytes = end - start;
    let window = this.#windows;
    const place = (shard: Uint8Array): number => {
      const at = this.#memory.placeOf(shard);
      if (at !== undefined) return at + start;
      window += bytes;
      return window - bytes;
    };
    for (const [i, input] of inputs.entries()) {
      const at = place(input);
      this.#inputPlaces[i] = at;
      if (!this.#isElsewhere(input)) continue;
      this.#memory.copy(input.subarray(start, end), this.#memory.view(at, bytes), 0);
    }
    for (const [i, output] of outputs.entries()) this.#outputPlaces[i] = place(output);
    this.#kernel.combine(outputs.length, inputs.length, bytes);
    for (const [i, output] of outputs.entries()) {
      if (!this.#isElsewhere(output)) continue;
      this.#memory.copy(this.#memory.view(this.#outputPlaces[i]!, bytes), output, start);
    }
  }

  #isElsewhere(shard: Uint8Array): boolean {
    return this.#memory.placeOf(shard) === undefined;
  }
}
