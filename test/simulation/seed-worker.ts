// A thread that runs seeds with the simulation of one source tree: this one, or a copy with a
// planted bug.
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import assert from "node:assert/strict";
import type * as hashes from "../../src/node/platform/hash.ts";
import type * as simulation from "../../src/sim/run.ts";

export type SeedResult =
  | { readonly seed: number; readonly report: simulation.SeedReport }
  | { readonly seed: number; readonly failure: string };

const { root } = workerData as { root: string }; // what SeedPool gives
const load = (path: string) => import(pathToFileURL(join(root, path)).href);
const { runSeed } = (await load("src/sim/run.ts")) as typeof simulation;
const { createHash } = (await load("src/node/platform/hash.ts")) as typeof hashes;
const host = { turn: () => setImmediate(), hash: createHash() };

assert(parentPort !== null, "not a thread");
const port = parentPort;
port.on("message", (seed: number) => {
  runSeed(seed, host).then(
    (report) => port.postMessage({ seed, report } satisfies SeedResult),
    (error: unknown) => {
      const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
      port.postMessage({ seed, failure } satisfies SeedResult);
    },
  );
});
