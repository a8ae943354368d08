import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { SeedResult } from "./seed-worker.ts";

/**
 * A seed takes a quarter of a second; one that takes this long, however busy the machine is, spins.
 */
const seedMsMax = 180_000;

/**
 * A thread ends after so many seeds. Node holds a composite AbortSignal while something listens to
 * it, and the code of killed processes listens for ever: some 10 MB stay with each seed, which is 2
 * GB a thread.
 */
const seedsPerThreadMax = 200;

/** Threads that run seeds of one source tree. */
export class SeedPool {
  readonly #root: string;
  readonly #idle: Worker[] = [];
  /** Each worker, with the number of seeds it has begun. */
  readonly #all = new Map<Worker, number>();

  constructor(root: string) {
    this.#root = root;
  }

  /** Runs a seed on a thread of its own; a thread that dies or spins is a failure of its seed. */
  async run(seed: number): Promise<SeedResult> {
    const worker = this.#idle.pop() ?? this.#start();
    const begun = (this.#all.get(worker) ?? 0) + 1;
    this.#all.set(worker, begun);
    const outcome = Promise.withResolvers<SeedResult>();
    const end = (): void => {
      this.#all.delete(worker);
      void worker.terminate();
    };
    const fail = (failure: string): void => {
      end();
      outcome.resolve({ seed, failure: `seed ${seed}: ${failure}` });
    };
    const onMessage = (result: SeedResult): void => {
      if (begun < seedsPerThreadMax) this.#idle.push(worker);
      else end();
      outcome.resolve(result);
    };
    const onError = (error: unknown): void => fail(`thrown past everybody: ${String(error)}`);
    const timer = setTimeout(() => fail(`not over after ${seedMsMax / 1000} s`), seedMsMax);
    worker.once("message", onMessage);
    worker.once("error", onError);
    worker.postMessage(seed);
    try {
      return await outcome.promise;
    } finally {
      clearTimeout(timer);
      worker.off("message", onMessage);
      worker.off("error", onError);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all.keys()].map((worker) => worker.terminate()));
  }

  #start(): Worker {
    const path = join(import.meta.dirname, "seed-worker.ts");
    const worker = new Worker(path, { workerData: { root: this.#root } });
    return worker;
  }
}

/**
 * Runs seeds from `first` on, `threads` at a time, while `wants` says so, and hands each result to
 * `done`. Returns when all that were begun have ended.
 */
export async function runSeeds(options: {
  readonly pool: SeedPool;
  readonly threads: number;
  readonly first: number;
  readonly wants: (seed: number) => boolean;
  readonly done: (result: SeedResult) => void;
}): Promise<void> {
  const { pool, threads, wants, done } = options;
  let next = options.first;
  const take = async (): Promise<void> => {
    while (wants(next)) done(await pool.run(next++));
  };
  await Promise.all(Array.from({ length: threads }, take));
}
