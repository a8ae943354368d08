// Long runs. `sim`: the simulation, --seeds N from --from A, or --seconds S, or one --seed N to
// repeat a failure; `kills`: kill -9 of a real server, --kills N; without either: 10,000 seeds,
// then 500 kills. Ctrl-C ends with what there is.
import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { runSeeds, SeedPool } from "./simulation/seed-pool.ts";
import { Totals } from "./simulation/totals.ts";

const root = resolve(import.meta.dirname, "..");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "10000" },
    from: { type: "string", default: "1" },
    seconds: { type: "string" },
    kills: { type: "string", default: "500" },
  },
});
const [what = "all"] = positionals;

async function simulate(): Promise<boolean> {
  const first = Number(values.seed ?? values.from);
  const end = first + (values.seed === undefined ? Number(values.seeds) : 1);
  const startMs = performance.now();
  const deadlineMs = startMs + Number(values.seconds ?? Number.POSITIVE_INFINITY) * 1000;
  const pool = new SeedPool(root);
  const totals = new Totals();
  let stopped = false;
  process.once("SIGINT", () => {
    stopped = true;
  });
  const progress = setInterval(() => console.log(totals.summary()), 10_000);
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
  console.log(totals.details());
  const perSecond = (totals.seeds / ((performance.now() - startMs) / 1000)).toFixed(1);
  console.log(`${totals.summary()}; ${perSecond} seeds/s`);
  return totals.failures.length === 0;
}

function kill(): boolean {
  const seconds = values.seconds ?? String(24 * 3600);
  const script = resolve(import.meta.dirname, "kills.ts");
  const args = [script, "--kills", values.kills, "--seconds", seconds];
  return spawnSync(process.execPath, args, { stdio: "inherit" }).status === 0;
}

if (what !== "all" && what !== "sim" && what !== "kills") {
  console.error(`no such soak: ${what} (sim, kills, or nothing for both)`);
  process.exit(2);
}
const simulated = what === "kills" || (await simulate());
const killed = what === "sim" || kill();
process.exit(simulated && killed ? 0 : 1);
