import { LoopShare } from "../../base/loop-share.ts";
import type { Log, Platform } from "../../platform/platform.ts";
import { createClock } from "./clock.ts";
import { HashThreads } from "./hash-threads.ts";
import { createHash } from "./hash.ts";
import { KernelMemory } from "./kernel-memory.ts";
import { createLog } from "./log.ts";
import { createRandom } from "./random.ts";

/**
 * @limit Address space for the buffers of uploads (80 MiB, object/write/body-buffers.ts) and for
 * the kernels of this thread and of those that hash.
 */
const sharedBytes = 88 * 1024 * 1024;

/** The real world. One per process. */
export function createPlatform(options: { readonly log?: Log | undefined } = {}): Platform {
  const clock = createClock();
  const memory = KernelMemory.create(sharedBytes);
  return {
    clock,
    loop: new LoopShare(() => clock.turn()),
    random: createRandom(),
    memory,
    hash: createHash(memory, new HashThreads(memory)),
    log: options.log ?? createLog(),
  };
}
