import { loggedSeedsFrom } from "../../src/sim/run.ts";
import { plantedModule } from "../planted/markers.ts";
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
 * Runs seeds of the program with the bug in it, until one fails or `mayGoOn` says no. Throws where
 * the changed code does not run at all: then nothing was found, and the bug is to be written again.
 */
export async function findBug(
  bug: SimulatedBug,
  compileCache: string,
  mayGoOn: (seedsTried: number) => boolean,
): Promise<Found> {
  const pool = new SeedPool({ compileCache, planted: plantedModule(bug) });
  try {
    let seedsTried = 0;
    while (mayGoOn(seedsTried)) {
      const goesOn = seedsTried === 0 || bug.seed >= loggedSeedsFrom;
      const seed = goesOn ? bug.seed + seedsTried : seedsTried;
      seedsTried++;
      const result = await pool.run(seed);
      if (!("failure" in result)) continue;
      const { failure } = result;
      if (/\b(?:Reference|Syntax)Error\b/.test(failure)) throw new Error(`${bug.name}: ${failure}`);
      return { bug, seed, seedsTried, complaint: complaintOf(failure) };
    }
    return { bug, seed: undefined, seedsTried, complaint: undefined };
  } finally {
    await pool.close();
  }
}

/** The first line, without the seed. */
function complaintOf(failure: string): string {
  const [line = ""] = failure.split("\n");
  return line.replace(/^.*?seed \d+: /, "").slice(0, 120);
}
