import type { LoopShare } from "../base/loop-share.ts";
import type { Clock } from "./clock.ts";
import type { Hash } from "./hash.ts";
import type { Log } from "./log.ts";
import type { ThreadMemory } from "./memory.ts";
import type { Random } from "./random.ts";

/**
 * The world, as everything below `server/` sees it. Disks, engines and listeners are arguments of their
 * own, since there are several of each; `node/` and `sim/` implement all of them.
 */
export interface Platform {
  readonly clock: Clock;
  readonly random: Random;
  readonly hash: Hash;
  readonly log: Log;
  readonly memory: ThreadMemory;
  /** Of the process's event loop, where work that takes long is counted. */
  readonly loop: LoopShare;
}
