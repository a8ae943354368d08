// The simulation as CI runs it, within --seconds: first every planted bug must be found, then seeds
// of the code as it is must all pass: those that failed once, then from --from N on or from one
// that the commit decides. Prints what was run and what crashes cut; fails where anything is wrong.
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { firstSeed } from "./first-seed.ts";
import { failingTest } from "./planted/find-by-test.ts";
import type { PlantedBug } from "./planted/planted-bug.ts";
import { type TestedBug, testedBugs } from "./planted/tested-bugs.ts";
import { failedSeeds } from "./simulation/failed-seeds.ts";
import { findBug } from "./simulation/find-bug.ts";
import { type SimulatedBug, simulatedBugs } from "./simulation/planted-bugs.ts";
import { runSeeds, SeedPool } from "./simulation/seed-pool.ts";
import { Totals } from "./simulation/totals.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "120" },
    /** Runs only planted bugs whose name contains this; then no seeds are run. */
    planted: { type: "string" },
    from: { type: "string" },
  },
});
const startMs = performance.now();
const limitMs = Number(values.seconds) * 1000;
/** The share of the time for planted bugs: the rest is for seeds. */
const plantedShare = 0.7;
const threads = availableParallelism();
/** Compiled modules, for all threads and processes of this run. */
const compileCache = mkdtempSync(join(tmpdir(), "holdfast-compiled-"));
process.once("exit", () => rmSync(compileCache, { recursive: true, force: true }));
const elapsedMs = (): number => performance.now() - startMs;
/**
 * However slow the machine is, each bug's own seed is tried, and some others: after a change of the
 * code that is tested a bug's own seed may pass it by.
 */
const plantedSeedsMin = 20;
const mayGoOn = (seedsTried: number): boolean =>
  seedsTried < plantedSeedsMin || elapsedMs() < limitMs * plantedShare;
/** Seeds of the code as it is, however slow the machine is. */
const seedsMin = 20;

async function findPlanted(): Promise<boolean> {
  const isWanted = ({ name }: PlantedBug): boolean => name.includes(values.planted ?? "");
  const searches = [
    ...simulatedBugs.filter(isWanted).map((bug) => () => findBySeed(bug)),
    ...testedBugs.filter(isWanted).map((bug) => () => findByTest(bug)),
  ];
  const waiting = [...searches];
  let found = 0;
  const take = async (): Promise<void> => {
    for (let search = waiting.shift(); search !== undefined; search = waiting.shift()) {
      if (await search()) found++;
    }
  };
  await Promise.all(Array.from({ length: threads }, take));
  console.log(`planted bugs found: ${found}/${searches.length}`);
  return found === searches.length;
}

async function findBySeed(bug: SimulatedBug): Promise<boolean> {
  const seconds = stopwatch();
  const { seed, seedsTried, complaint } = await findBug(bug, compileCache, mayGoOn);
  const what = `${bug.name} (${bug.breaks})`;
  if (seed === undefined) console.log(`NOT FOUND in ${seedsTried} seeds: ${what}`);
  else console.log(`found by seed ${seed} in ${seconds()} s: ${what}: ${complaint}`);
  return seed !== undefined;
}

async function findByTest(bug: TestedBug): Promise<boolean> {
  const seconds = stopwatch();
  const title = await failingTest(bug, compileCache);
  const what = `${bug.name} (${bug.breaks})`;
  if (title === undefined) console.log(`NOT FOUND by ${bug.test}: ${what}`);
  else console.log(`found by a test in ${seconds()} s: ${what}: ${title}`);
  return title !== undefined;
}

/** Tells how many seconds have passed since it was made. */
function stopwatch(): () => string {
  const beganMs = performance.now();
  return () => ((performance.now() - beganMs) / 1000).toFixed(1);
}

async function passSeeds(): Promise<boolean> {
  const pool = new SeedPool({ compileCache });
  const first = firstSeed(values.from);
  const totals = new Totals(first);
  const failures: string[] = [];
  for (const seed of failedSeeds) {
    const result = await pool.run(seed);
    if ("failure" in result) failures.push(result.failure);
  }
  console.log(`seeds that failed before: ${failedSeeds.length}, ${failures.length} fail now`);
  await runSeeds({
    pool,
    threads,
    first,
    wants: (seed) =>
      (seed < first + seedsMin || elapsedMs() < limitMs) && totals.failures.length === 0,
    done: (result) => totals.add(result),
  });
  await pool.close();
  console.log(totals.details());
  failures.push(...totals.failures);
  for (const failure of failures) console.error(failure);
  console.log(`simulation: ${totals.summary()}`);
  return failures.length === 0;
}

const planted = await findPlanted();
const passed = values.planted !== undefined || (await passSeeds());
process.exit(planted && passed ? 0 : 1);
