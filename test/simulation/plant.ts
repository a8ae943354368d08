import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { PlantedBug } from "./planted-bugs.ts";
import { SeedPool } from "./seed-pool.ts";

export const root = resolve(import.meta.dirname, "../..");

type Bug = Omit<PlantedBug, "seed">;

/** The source with the bug; throws where the place for it is not to be found just once. */
export function plantedSource(bug: Bug, source: string): string {
  const places = source.split(bug.find).length - 1;
  if (places === 1) return source.replace(bug.find, () => bug.replace);
  throw new Error(`"${bug.name}": ${places} places for it in ${bug.file}, instead of one`);
}

/** Hands a copy of the program that has the bug to `use`, and removes it afterwards. */
export async function withPlanted<T>(bug: Bug, use: (copy: string) => Promise<T>): Promise<T> {
  const copy = await mkdtemp(join(tmpdir(), "holdfast-planted-"));
  try {
    for (const part of ["src", "bin", "package.json"]) {
      await cp(join(root, part), join(copy, part), { recursive: true });
    }
    await symlink(join(root, "node_modules"), join(copy, "node_modules"));
    const file = join(copy, bug.file);
    await writeFile(file, plantedSource(bug, await readFile(file, "utf8")));
    return await use(copy);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

export interface Found {
  readonly bug: PlantedBug;
  /** Undefined: none of the seeds tried fails. */
  readonly seed: number | undefined;
  readonly seedsTried: number;
  /** What the simulation said. */
  readonly complaint: string | undefined;
}

/** Runs seeds with a copy of src/ that has the bug, until one fails or `mayGoOn` says no. */
export function findBug(bug: PlantedBug, mayGoOn: (seedsTried: number) => boolean): Promise<Found> {
  return withPlanted(bug, async (copy) => {
    const pool = new SeedPool(copy);
    try {
      let seedsTried = 0;
      while (mayGoOn(seedsTried)) {
        const seed = seedsTried === 0 ? bug.seed : seedsTried;
        seedsTried++;
        const result = await pool.run(seed);
        if (!("failure" in result)) continue;
        return { bug, seed, seedsTried, complaint: complaintOf(result.failure) };
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
