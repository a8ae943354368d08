import { LoopShare } from "../../base/loop-share.ts";
import type { Log, Platform } from "../../platform/platform.ts";
import { createClock } from "./clock.ts";
import { KernelCombiner } from "./combiner.ts";
import { HashThreads } from "./hash-threads.ts";
import { createHash } from "./hash.ts";
import { KernelMemory } from "./kernel-memory.ts";
import { createLog } from "./log.ts";
import { createRandom } from "./random.ts";

/**
 * @limit Address space for shards of large objects that are coded while they are written. Those of
 * one batch have 24 to 28 MiB, since allocations are rounded up to powers of two; four batches are
 * under way, two of which wait for a slow disk; and smaller batches take memory of other sizes.
 */
const shardsBytes = 192 * 1024 * 1024;

/**
 * @limit Address space for the buffers of uploads (80 MiB, object/write/body-buffers.ts), for
 * shards, and for the kernels of this thread, of the two that hash and of the one that combines.
 */
const sharedBytes = 88 * 1024 * 1024 + shardsBytes;

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
    combiner: new KernelCombiner(memory),
    log: options.log ?? createLog(),
  };
}
