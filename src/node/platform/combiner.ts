import type { Worker } from "node:worker_threads";
import { assertCombinable } from "../../erasure/combine.ts";
import type { Combiner } from "../../platform/combiner.ts";
import { CombineKernel, combineKernelBytes } from "./combine-kernel.ts";
import { CombineThread } from "./combine-thread.ts";
import type { KernelMemory, MemoryRange } from "./kernel-memory.ts";

/**
 * Combines by the kernel, here or in one thread, which encodes 6 GB/s: more than the disks of
 * a machine take. Kernel and thread are made when they are first asked for. A thread that has ended
 * fails what it was asked, and the next call starts another.
 */
export class KernelCombiner implements Combiner {
  readonly #memory: KernelMemory;
  /** Reserved at once, since others allocate what is left. */
  readonly #ownRange: MemoryRange;
  readonly #threadRange: MemoryRange;
  #kernel: CombineKernel | undefined;
  #thread: CombineThread | undefined;

  constructor(memory: KernelMemory) {
    this.#memory = memory;
    this.#ownRange = memory.reserveRange(combineKernelBytes);
    this.#threadRange = memory.reserveRange(combineKernelBytes);
  }

  combine(...call: Parameters<Combiner["combine"]>): void {
    this.#kernel ??= new CombineKernel(this.#ownRange);
    this.#kernel.combine(...call);
  }

  async combineOffThread(...call: Parameters<Combiner["combine"]>): Promise<void> {
    assertCombinable(...call);
    if (this.#thread?.isAlive !== true) {
      this.#thread = new CombineThread(this.#memory, this.#threadRange);
    }
    await this.#thread.combine(...call);
  }

  /** The thread at work; for tests, which end it. */
  get running(): Worker | undefined {
    return this.#thread?.isAlive === true ? this.#thread.worker : undefined;
  }

  /** Calls that the thread has not answered. */
  get waiting(): number {
    return this.#thread?.waiting ?? 0;
  }
}
