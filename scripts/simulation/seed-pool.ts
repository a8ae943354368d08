import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { SeedResult } from "./seed-worker.ts";

/** A seed takes a quarter of a second; one that takes this long, however busy the machine is, spins. */
const seedMsMax = 180_000;

/** Threads that run seeds of one source tree. */
export class SeedPool {
  readonly #root: string;
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();

  constructor(root: string) {
    this.#root = root;
  }

  /** Runs a seed on a thread of its own; a thread that dies or spins is a failure of its seed. */
  async run(seed: number): Promise<SeedResult> {
    const worker = this.#idle.pop() ?? this.#start();
    const outcome = Promise.withResolvers<SeedResult>();
    const fail = (failure: string): void => {
      this.#all.delete(worker);
      void worker.terminate();
      outcome.resolve({ seed, failure: `seed ${seed}: ${failure}` });
    };
    const onMessage = (result: SeedResult): void => {
      this.#idle.push(worker);
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
    await Promise.all([...this.#all].map((worker) => worker.terminate()));
  }

  #start(): Worker {
    const path = join(import.meta.dirname, "seed-worker.ts");
    const worker = new Worker(path, { workerData: { root: this.#root } });
    this.#all.add(worker);
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
