import { LoopShare } from "../../base/loop-share.ts";
import { plainCombiner } from "../../erasure/combine.ts";
import type { Hash } from "../../platform/hash.ts";
import {
  type LogFields,
  type LogLevel,
  ownMemory,
  type Platform,
} from "../../platform/platform.ts";

export interface TestPlatform extends Platform {
  readonly logged: { level: LogLevel; event: string; fields: LogFields | undefined }[];
  advance(ms: number): void;
}

/** So many turns are enough for work that waits for nothing but memory. */
const turnsMax = 1000;

/**
 * A clock that moves only when somebody sleeps or the test says so, and bytes that count instead of
 * chance.
 */
export function createTestPlatform(hash: Hash): TestPlatform {
  let now = 1_700_000_000_000;
  let drawn = 0;
  const logged: TestPlatform["logged"] = [];
  return {
    logged,
    hash,
    combiner: plainCombiner,
    memory: ownMemory,
    loop: new LoopShare(() => Promise.resolve()),
    log: (level, event, fields) => void logged.push({ level, event, fields }),
    random: { bytes: (count) => new Uint8Array(count).fill(0xff).with(count - 1, ++drawn & 0xff) },
    clock: {
      now: () => now,
      monotonicMs: () => now,
      turn: () => Promise.resolve(),
      sleep: async (ms, signal) => {
        // What this is the limit of may be done without any time.
        for (let turns = 0; turns < turnsMax && signal?.aborted === false; turns++) {
          await Promise.resolve();
        }
        if (signal?.aborted !== true) now += ms;
      },
    },
    advance(ms) {
      now += ms;
    },
  };
}
