import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { PlantedBug } from "./planted-bugs.ts";
import { SeedPool } from "./seed-pool.ts";

export const root = resolve(import.meta.dirname, "../..");

/** The source with the bug; throws where the place for it is not to be found just once. */
export function plantedSource(bug: PlantedBug, source: string): string {
  const places = source.split(bug.find).length - 1;
  if (places === 1) return source.replace(bug.find, () => bug.replace);
  throw new Error(`"${bug.name}": ${places} places for it in ${bug.file}, instead of one`);
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
export async function findBug(
  bug: PlantedBug,
  mayGoOn: (seedsTried: number) => boolean,
): Promise<Found> {
  const copy = await mkdtemp(join(tmpdir(), "holdfast-planted-"));
  const pool = new SeedPool(copy);
  try {
    await cp(join(root, "src"), join(copy, "src"), { recursive: true });
    await cp(join(root, "package.json"), join(copy, "package.json"));
    await symlink(join(root, "node_modules"), join(copy, "node_modules"));
    const file = join(copy, bug.file);
    await writeFile(file, plantedSource(bug, await readFile(file, "utf8")));
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
    await rm(copy, { recursive: true, force: true });
  }
}

/** The first line, without the seed. */
function complaintOf(failure: string): string {
  const [line = ""] = failure.split("\n");
  return line.replace(/^.*?seed \d+: /, "").slice(0, 120);
}
