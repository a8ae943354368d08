import { randomFillSync } from "node:crypto";
import type { Random } from "../platform/random.ts";

/** The operating system's randomness, good enough for keys. */
export function createRandom(): Random {
  return { bytes: (count) => randomFillSync(new Uint8Array(count)) };
}
