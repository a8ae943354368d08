import type { Worker } from "node:worker_threads";
import { must } from "../../base/assert.ts";
import { StoreError } from "../../base/errors.ts";
import type { BodyHasher, HashAlgorithm } from "../../platform/hash.ts";
import { kernelBytes, type KernelMemory, type MemoryRange } from "./kernel-memory.ts";
import { startKernelThread } from "./kernel-thread.ts";

export type ToHashThread =
  | { readonly id: number; readonly kind: "open"; readonly algorithm: HashAlgorithm }
  | { readonly id: number; readonly kind: "update"; readonly bytes: SentBytes }
  | { readonly id: number; readonly kind: "digest" | "close" };

/** A copy, or a place in the memory that threads share. */
export type SentBytes = Uint8Array | { readonly at: number; readonly length: number };

/** One for each `update` and `digest`, in their order for each hasher. */
export interface FromHashThread {
  readonly id: number;
  readonly digest?: Uint8Array;
}

/**
 * @limit One for MD5 and one for checksums, which take as long together as receiving the bytes
 * does.
 */
const threadsMax = 2;

/**
 * Hashes bodies in threads of their own, so that the event loop is free meanwhile. What lies in the
 * shared memory is read where it is, other bytes are copied. What is under way is bounded by who
 * waits for it: bytes that are not hashed yet are somebody's.
 *
 * A thread that dies takes its bodies with it (they fail, nothing is guessed), and the next one
 * that comes starts another.
 */
export class HashThreads {
  readonly #memory: KernelMemory;
  /** The memory for the kernels of each thread, and of the one that follows it. */
  readonly #ranges: MemoryRange[] = [];
  readonly #threads: (HashThread | undefined)[] = [];
  #lastId = 0;

  constructor(memory: KernelMemory) {
    this.#memory = memory;
  }

  open(algorithms: readonly HashAlgorithm[]): BodyHasher {
    const hashers = algorithms.map((algorithm, index) => {
      const hasher = this.#thread(index % threadsMax).open(++this.#lastId, algorithm);
      return [algorithm, hasher] as const;
    });
    return {
      async update(bytes) {
        await Promise.all(hashers.map(([, hasher]) => hasher.update(bytes)));
      },
      async digests() {
        const all = hashers.map(
          async ([algorithm, hasher]) => [algorithm, await hasher.digest()] as const,
        );
        return new Map(await Promise.all(all));
      },
      close() {
        for (const [, hasher] of hashers) hasher.close();
      },
    };
  }

  /** Threads at work; for tests, which end them. */
  get running(): readonly Worker[] {
    return this.#threads.flatMap((thread) => (thread?.isAlive === true ? [thread.worker] : []));
  }

  /** Requests to threads that are not answered yet. */
  get waiting(): number {
    return this.#threads.reduce((sum, thread) => sum + (thread?.waiting ?? 0), 0);
  }

  #thread(index: number): HashThread {
    const known = this.#threads[index];
    if (known?.isAlive === true) return known;
    const range = (this.#ranges[index] ??= this.#memory.reserveRange(kernelBytes));
    const thread = new HashThread(this.#memory, range);
    this.#threads[index] = thread;
    return thread;
  }
}

interface ThreadHasher {
  update(bytes: Uint8Array): Promise<void>;
  digest(): Promise<Uint8Array>;
  close(): void;
}

type Answer = PromiseWithResolvers<Uint8Array | undefined>;

class HashThread {
  readonly worker: Worker;
  readonly #memory: KernelMemory;
  /** Requests of each hasher that are not answered yet, in order. */
  readonly #asked = new Map<number, Answer[]>();
  #asking = 0;
  #failure: StoreError | undefined;

  constructor(memory: KernelMemory, range: MemoryRange) {
    this.#memory = memory;
    const main = new URL("hash-thread-main.ts", import.meta.url);
    this.worker = startKernelThread(main, range, {
      answered: (answer) => this.#receive(answer as FromHashThread), // its main's only message
      ended: (why) => this.#fail(why),
    });
  }

  get isAlive(): boolean {
    return this.#failure === undefined;
  }

  get waiting(): number {
    return this.#asking;
  }

  open(id: number, algorithm: HashAlgorithm): ThreadHasher {
    this.#send({ id, kind: "open", algorithm });
    return {
      update: async (bytes) => {
        await this.#ask({ id, kind: "update", bytes: this.#sendable(bytes) });
      },
      digest: async () => must(await this.#ask({ id, kind: "digest" }), "a digest was asked for"),
      close: () => {
        this.#send({ id, kind: "close" });
      },
    };
  }

  /**
   * Bytes outside the shared memory are copied first, since sending a view would copy its whole
   * buffer.
   */
  #sendable(bytes: Uint8Array): SentBytes {
    const at = this.#memory.placeOf(bytes);
    return at === undefined ? bytes.slice() : { at, length: bytes.length };
  }

  #send(message: ToHashThread): void {
    if (this.#failure === undefined) this.worker.postMessage(message);
  }

  #ask(message: ToHashThread): Promise<Uint8Array | undefined> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const answer: Answer = Promise.withResolvers();
    const queue = this.#asked.get(message.id) ?? [];
    queue.push(answer);
    this.#asked.set(message.id, queue);
    // The process must not end while somebody waits.
    if (this.#asking++ === 0) this.worker.ref();
    this.#send(message);
    return answer.promise;
  }

  #receive({ id, digest }: FromHashThread): void {
    const queue = this.#asked.get(id) ?? [];
    must(queue.shift(), "an answer to what was asked").resolve(digest);
    if (queue.length === 0) this.#asked.delete(id);
    if (--this.#asking === 0) this.worker.unref();
  }

  #fail(why: string): void {
    this.#failure ??= new StoreError("unavailable", `a hash thread ended: ${why}`);
    for (const queue of this.#asked.values()) {
      for (const answer of queue) answer.reject(this.#failure);
    }
    this.#asked.clear();
    this.#asking = 0;
  }
}
