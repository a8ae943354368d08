import { LoopShare } from "../base/loop-share.ts";
import { plainCombiner } from "../erasure/combine.ts";
import { type Log, ownMemory, type Platform } from "../platform/platform.ts";
import type { Hash } from "../platform/hash.ts";
import { createSimClock, type WallClock } from "./clock.ts";
import type { SimProcess } from "./process.ts";
import type { SeededRandom } from "../platform/seeded-random.ts";
import type { Scheduler } from "./scheduler.ts";

/**
 * The world as one simulated process sees it. Hashes and combinations are real: they depend on
 * nothing but their input.
 */
export function createSimPlatform(options: {
  readonly process: SimProcess;
  readonly scheduler: Scheduler;
  readonly wall: WallClock;
  readonly random: SeededRandom;
  readonly hash: Hash;
  readonly log: Log;
}): Platform {
  const { process, scheduler, wall, random, hash, log } = options;
  const clock = createSimClock(process, scheduler, wall);
  return {
    clock,
    loop: new LoopShare(() => clock.turn()),
    random,
    hash,
    combiner: plainCombiner,
    log,
    memory: ownMemory,
  };
}
