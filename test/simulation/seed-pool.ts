import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { SeedResult, SeedThreadOptions } from "./seed-worker.ts";

/** A seed takes seconds of a core; one that has taken so much, whatever else runs, spins. */
const seedCpuMsMax = 120_000;
const lookMs = 10_000;
/**
 * Large, so that what a run makes and forgets is collected seldom: with Node's own limit a sixth of
 * a seed's processor time went to the collector and its threads (Node 26.10, November 2026).
 */
const maxYoungGenerationSizeMb = 96;

/** Threads that run seeds of the program. */
export class SeedPool {
  readonly #options: SeedThreadOptions;
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();

  constructor(options: SeedThreadOptions) {
    this.#options = options;
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
    const cpuMsBefore = await cpuMsOf(worker);
    let isOver = false;
    const look = async (): Promise<void> => {
      const cpuMs = (await cpuMsOf(worker)) - cpuMsBefore;
      if (!isOver && cpuMs > seedCpuMsMax)
        fail(`not over after ${seedCpuMsMax / 1000} s of a core`);
    };
    const timer = setInterval(() => void look(), lookMs);
    worker.once("message", onMessage);
    worker.once("error", onError);
    worker.postMessage(seed);
    try {
      return await outcome.promise;
    } finally {
      isOver = true;
      clearInterval(timer);
      worker.off("message", onMessage);
      worker.off("error", onError);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((worker) => worker.terminate()));
  }

  #start(): Worker {
    const path = join(import.meta.dirname, "seed-worker.ts");
    const worker = new Worker(path, {
      workerData: this.#options,
      resourceLimits: { maxYoungGenerationSizeMb },
    });
    this.#all.add(worker);
    return worker;
  }
}

/** What the thread has used of a core; 0 of one that does not run yet, or any more. */
async function cpuMsOf(worker: Worker): Promise<number> {
  try {
    const { user, system } = await worker.cpuUsage();
    return (user + system) / 1000;
  } catch {
    return 0;
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
