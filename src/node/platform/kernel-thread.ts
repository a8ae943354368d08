import { Worker } from "node:worker_threads";
import { messageOf } from "../../base/errors.ts";
import type { MemoryRange } from "./kernel-memory.ts";

export interface KernelThreadEvents {
  readonly answered: (answer: unknown) => void;
  /** Called, perhaps more than once, when the thread fails or ends. */
  readonly ended: (why: string) => void;
}

/**
 * Starts a thread that works for this process with kernels of its own, in the memory that threads
 * share. It keeps nothing but what it computes now, and the process does not wait for it: who asks
 * it something has to.
 *
 * @param main the thread's module.
 * @param range memory for its kernels.
 */
export function startKernelThread(
  main: URL,
  range: MemoryRange,
  { answered, ended }: KernelThreadEvents,
): Worker {
  const worker = new Worker(main, {
    workerData: range,
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 32 },
  });
  worker.on("message", answered);
  worker.on("error", (error) => ended(messageOf(error)));
  worker.on("exit", (code) => ended(`it ended with ${code}`));
  worker.unref();
  return worker;
}
