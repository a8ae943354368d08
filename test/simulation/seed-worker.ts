// A thread that runs seeds of the simulation, of the program as it is or with a planted bug.
import assert from "node:assert/strict";
import { enableCompileCache, flushCompileCache } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import type * as simulation from "../../src/sim/run.ts";
import { plant, type PlantedModule } from "../planted/plant.ts";
import { createTurn } from "./turns.ts";

export type SeedResult =
  | { readonly seed: number; readonly report: simulation.SeedReport }
  | { readonly seed: number; readonly failure: string };

export interface SeedThreadOptions {
  /** A folder for compiled modules, which all threads share. */
  readonly compileCache: string;
  /** The program has this bug. */
  readonly planted?: PlantedModule;
}

const { compileCache, planted } = workerData as SeedThreadOptions; // what SeedPool gives
enableCompileCache(compileCache);
if (planted !== undefined) plant(planted);
// Loaded now and not before: with the bug.
const { runSeed } = await import("../../src/sim/run.ts");
const { createHash } = await import("../../src/node/platform/hash.ts");
flushCompileCache();
const host = { turn: createTurn(), hash: createHash() };

assert(parentPort !== null, "not a thread");
const port = parentPort;
port.on("message", (seed: number) => {
  void runTraced(seed).then((result) => port.postMessage(result));
});

/**
 * Errors are made all the time here, since files are looked for that are not there: their stacks
 * took 3 % of a seed's time. So a seed runs without them, and one that fails once more with them.
 */
async function runTraced(seed: number): Promise<SeedResult> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const result = await run(seed);
  Error.stackTraceLimit = stackTraceLimit;
  if (!("failure" in result)) return result;
  const again = await run(seed);
  return "failure" in again ? again : { seed, failure: `${result.failure}\nbut not once more` };
}

async function run(seed: number): Promise<SeedResult> {
  try {
    return { seed, report: await runSeed(seed, host) };
  } catch (error) {
    const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { seed, failure };
  }
}
