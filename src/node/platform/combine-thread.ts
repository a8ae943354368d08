import type { Worker } from "node:worker_threads";
import { must } from "../../base/assert.ts";
import { StoreError } from "../../base/errors.ts";
import type { KernelMemory, MemoryRange } from "./kernel-memory.ts";
import { startKernelThread } from "./kernel-thread.ts";

export interface ToCombineThread {
  readonly id: number;
  /** Bytes of each shard. */
  readonly length: number;
  /** Places in the memory that threads share; undefined: the answer brings the output's bytes. */
  readonly outputs: readonly (number | undefined)[];
  /** Places in that memory, or copies. */
  readonly inputs: readonly (number | Uint8Array<ArrayBuffer>)[];
  readonly coefficients: readonly Uint8Array[];
}

export interface FromCombineThread {
  readonly id: number;
  /** Those that have no place in the memory, in their order. */
  readonly outputs: readonly Uint8Array<ArrayBuffer>[];
}

interface Asked {
  /** The caller's, of which the answer brings the bytes. */
  readonly elsewhere: readonly Uint8Array[];
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Combines shards in a thread of its own, one call after another in their order. What lies in the
 * shared memory is read and written where it is; other bytes are copied and sent. What is under way
 * is bounded by who waits for it: the shards are somebody's buffers.
 *
 * If the thread ends, what is under way fails, and nothing is done again by itself.
 */
export class CombineThread {
  readonly worker: Worker;
  readonly #memory: KernelMemory;
  readonly #asked = new Map<number, Asked>();
  #lastId = 0;
  #failure: StoreError | undefined;

  /** @param range memory for the thread's kernel. */
  constructor(memory: KernelMemory, range: MemoryRange) {
    this.#memory = memory;
    const main = new URL("combine-thread-main.ts", import.meta.url);
    this.worker = startKernelThread(main, range, {
      answered: (answer) => this.#receive(answer as FromCombineThread), // its main's only message
      ended: (why) => this.#fail(why),
    });
  }

  get isAlive(): boolean {
    return this.#failure === undefined;
  }

  /** Calls that are not answered yet. */
  get waiting(): number {
    return this.#asked.size;
  }

  combine(
    outputs: readonly Uint8Array[],
    inputs: readonly Uint8Array[],
    coefficients: readonly Uint8Array[],
  ): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = ++this.#lastId;
    const places = outputs.map((output) => this.#memory.placeOf(output));
    // Copied first, since sending a view would copy its whole buffer.
    const sent = inputs.map((input) => this.#memory.placeOf(input) ?? input.slice());
    const message: ToCombineThread = {
      id,
      length: (outputs[0] ?? inputs[0])?.length ?? 0,
      outputs: places,
      inputs: sent,
      coefficients: coefficients.map((row) => row.slice()),
    };
    const copies = sent.filter((input) => typeof input === "object");
    const elsewhere = outputs.filter((_, i) => places[i] === undefined);
    const done = Promise.withResolvers<void>();
    // The process must not end while somebody waits.
    if (this.#asked.size === 0) this.worker.ref();
    this.#asked.set(id, { elsewhere, done });
    this.worker.postMessage(
      message,
      copies.map(({ buffer }) => buffer),
    );
    return done.promise;
  }

  #receive({ id, outputs }: FromCombineThread): void {
    const { elsewhere, done } = must(this.#asked.get(id), "an answer to what was asked");
    this.#asked.delete(id);
    for (const [i, output] of elsewhere.entries()) {
      output.set(must(outputs[i], "the bytes of each output that has no place"));
    }
    if (this.#asked.size === 0) this.worker.unref();
    done.resolve();
  }

  #fail(why: string): void {
    this.#failure ??= new StoreError("unavailable", `the combining thread ended: ${why}`);
    for (const { done } of this.#asked.values()) done.reject(this.#failure);
    this.#asked.clear();
  }
}
