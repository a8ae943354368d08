import { LoopShare } from "../../base/loop-share.ts";
import type { Log, Platform } from "../../platform/platform.ts";
import { createClock } from "./clock.ts";
import { HashThreads } from "./hash-threads.ts";
import { createHash } from "./hash.ts";
import { createLog } from "./log.ts";
import { createRandom } from "./random.ts";
import { threadMemory } from "./thread-memory.ts";

/** The real world. One per process. */
export function createPlatform(options: { readonly log?: Log | undefined } = {}): Platform {
  const clock = createClock();
  return {
    clock,
    loop: new LoopShare(() => clock.turn()),
    random: createRandom(),
    memory: threadMemory,
    hash: createHash(new HashThreads()),
    log: options.log ?? createLog(),
  };
}
