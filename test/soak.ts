// Long runs. `sim`: the simulation, --seeds N from --from A, or --seconds S, or one --seed N to
// repeat a failure; `kills`: kills of a real server and what else befalls it, --kills N; `fuzz`:
// hostile requests, --cases N from --from A; `loss`: all that befalls disks, in a store with zones
// and one without; `http`: as many requests to our HTTP parser and to
// node:http's; `linear`: --rounds N of races of conditional writes, --seconds S of histories of a
// real server; without any: 10,000 seeds, 500 kills, a million requests, 200 rounds and 600 s.
// Ctrl-C ends with what there is.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { runSeeds, SeedPool } from "./simulation/seed-pool.ts";
import { Totals } from "./simulation/totals.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "10000" },
    from: { type: "string", default: "1" },
    seconds: { type: "string" },
    kills: { type: "string", default: "500" },
    cases: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "200" },
  },
});
const [what = "all"] = positionals;
const progressMs = 10_000;

async function simulate(): Promise<boolean> {
  const first = Number(values.seed ?? values.from);
  const end = first + (values.seed === undefined ? Number(values.seeds) : 1);
  const startMs = performance.now();
  const deadlineMs = startMs + Number(values.seconds ?? Number.POSITIVE_INFINITY) * 1000;
  const compileCache = mkdtempSync(join(tmpdir(), "holdfast-compiled-"));
  const pool = new SeedPool({ compileCache });
  const totals = new Totals(first);
  let stopped = false;
  process.once("SIGINT", () => {
    stopped = true;
  });
  const rate = (): number => totals.seeds / ((performance.now() - startMs) / 1000);
  const progress = setInterval(() => {
    const minutes = Math.ceil((end - totals.next) / rate() / 60);
    console.log(`${totals.summary()}; ${rate().toFixed(1)} seeds/s, ${minutes} min to go`);
  }, progressMs);
  await runSeeds({
    pool,
    threads: availableParallelism(),
    first,
    wants: (seed) => !stopped && seed < end && performance.now() < deadlineMs,
    done: (result) => {
      totals.add(result);
      if ("failure" in result) console.error(result.failure);
    },
  });
  clearInterval(progress);
  await pool.close();
  rmSync(compileCache, { recursive: true, force: true });
  console.log(totals.details());
  console.log(`${totals.summary()}; ${rate().toFixed(1)} seeds/s`);
  if (totals.next < end) {
    const rest = `--from ${totals.next} --seeds ${end - totals.next}`;
    console.log(`not all were run: go on with npm run soak -- sim ${rest}`);
  }
  return totals.failures.length === 0;
}

function run(script: string, ...more: readonly string[]): boolean {
  const args = [resolve(import.meta.dirname, script), ...more];
  return spawnSync(process.execPath, args, { stdio: "inherit" }).status === 0;
}

function kill(): boolean {
  const seconds = values.seconds ?? String(24 * 3600);
  return run("kills.ts", "--kills", values.kills, "--seconds", seconds, "--stop-seconds", "60");
}

function fuzz(): boolean {
  const limit =
    values.seconds === undefined ? ["--count", values.cases] : ["--seconds", values.seconds];
  return run("fuzz.ts", ...limit, "--seed", values.seed ?? values.from);
}

const http = (): boolean =>
  run("http-parsers.ts", "--cases", values.cases, "--seed", values.seed ?? values.from);

const loss = (): boolean =>
  run("loss.ts", ...(values.seconds === undefined ? [] : ["--seconds", values.seconds]));

const linear = (): boolean =>
  run("linear.ts", "--rounds", values.rounds, "--seconds", values.seconds ?? "600");

const soaks: Readonly<Record<string, () => boolean | Promise<boolean>>> = {
  sim: simulate,
  kills: kill,
  loss,
  fuzz,
  http,
  linear,
};
if (what !== "all" && !Object.hasOwn(soaks, what)) {
  console.error(`no such soak: ${what} (${Object.keys(soaks).join(", ")}, or nothing for all)`);
  process.exit(2);
}
let passed = true;
for (const [name, soak] of Object.entries(soaks)) {
  if (what === "all" || what === name) passed = (await soak()) && passed;
}
process.exit(passed ? 0 : 1);
