import { withPlanted } from "../planted/with-planted.ts";
import type { SimulatedBug } from "./planted-bugs.ts";
import { SeedPool } from "./seed-pool.ts";

export interface Found {
  readonly bug: SimulatedBug;
  /** Undefined: none of the seeds tried fails. */
  readonly seed: number | undefined;
  readonly seedsTried: number;
  /** The simulation's complaint. */
  readonly complaint: string | undefined;
}

/**
 * Runs seeds with a copy of src/ that has the bug, until one fails or `mayGoOn` says no. Throws
 * where the changed code does not run at all: then nothing was found, and the bug is to be written
 * again.
 */
export function findBug(
  bug: SimulatedBug,
  mayGoOn: (seedsTried: number) => boolean,
): Promise<Found> {
  return withPlanted(bug, async (copy) => {
    const pool = new SeedPool(copy);
    try {
      let seedsTried = 0;
      while (mayGoOn(seedsTried)) {
        const seed = seedsTried === 0 ? bug.seed : seedsTried;
        seedsTried++;
        const result = await pool.run(seed);
        if (!("failure" in result)) continue;
        const { failure } = result;
        if (/\b(?:Reference|Syntax)Error\b/.test(failure))
          throw new Error(`${bug.name}: ${failure}`);
        return { bug, seed, seedsTried, complaint: complaintOf(failure) };
      }
      return { bug, seed: undefined, seedsTried, complaint: undefined };
    } finally {
      await pool.close();
    }
  });
}

/** The first line, without the seed. */
function complaintOf(failure: string): string {
  const [line = ""] = failure.split("\n");
  return line.replace(/^.*?seed \d+: /, "").slice(0, 120);
}
