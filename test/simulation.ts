// The simulation as CI runs it, within --seconds: first every planted bug must be found, then seeds
// of the code as it is must all pass, from --from N on or from one that the commit decides. Prints what was
// run and what crashes cut; fails where anything is wrong.
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { firstSeed } from "./first-seed.ts";
import { root } from "./planted/markers.ts";
import { findBug, type Found } from "./simulation/find-bug.ts";
import { simulatedBugs } from "./simulation/planted-bugs.ts";
import { runSeeds, SeedPool } from "./simulation/seed-pool.ts";
import { Totals } from "./simulation/totals.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "120" },
    /** Of planted bugs, only those whose name contains this; then no seeds are run. */
    planted: { type: "string" },
    from: { type: "string" },
  },
});
const startMs = performance.now();
const limitMs = Number(values.seconds) * 1000;
/** For planted bugs: the rest is for seeds. */
const plantedShare = 0.7;
const threads = availableParallelism();
const elapsedMs = (): number => performance.now() - startMs;

async function findPlanted(): Promise<boolean> {
  const bugs = simulatedBugs.filter(({ name }) => name.includes(values.planted ?? ""));
  const waiting = [...bugs];
  let found = 0;
  const take = async (): Promise<void> => {
    for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
      const result = await findBug(bug, () => elapsedMs() < limitMs * plantedShare);
      if (result.seed !== undefined) found++;
      console.log(describe(result));
    }
  };
  await Promise.all(Array.from({ length: threads }, take));
  console.log(`planted bugs found: ${found}/${bugs.length}`);
  return found === bugs.length;
}

function describe({ bug, seed, seedsTried, complaint }: Found): string {
  if (seed === undefined) return `NOT FOUND in ${seedsTried} seeds: ${bug.name} (${bug.breaks})`;
  return `found by seed ${seed}: ${bug.name} (${bug.breaks}): ${complaint}`;
}

async function passSeeds(): Promise<boolean> {
  const pool = new SeedPool(root);
  const first = firstSeed(values.from);
  const totals = new Totals(first);
  await runSeeds({
    pool,
    threads,
    first,
    wants: () => elapsedMs() < limitMs && totals.failures.length === 0,
    done: (result) => totals.add(result),
  });
  await pool.close();
  console.log(totals.details());
  for (const failure of totals.failures) console.error(failure);
  console.log(`simulation: ${totals.summary()}`);
  return totals.failures.length === 0;
}

const planted = await findPlanted();
const passed = values.planted !== undefined || (await passSeeds());
process.exit(planted && passed ? 0 : 1);
