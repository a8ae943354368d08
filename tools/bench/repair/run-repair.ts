// What repair costs clients: the same load on a real server while repair is paused and while it
// goes on, in turn, with directories taken away.
import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Figure, readFigures, sumOf, sumsBy } from "../../../src/cli/figures.ts";
import { HoldfastServer, rootKey, runCommand } from "../../../test/acceptance/holdfast-server.ts";
import { type Store, targetOf } from "../compare/stores.ts";
import { whole } from "../flag-values.ts";
import { createBucket } from "../load/bucket.ts";
import type { KeySpace } from "../load/key-space.ts";
import { loadingPlan, type Plan } from "../load/plan.ts";
import { runLoad } from "../load/run-load.ts";
import { figuresOf, median } from "../report/figures.ts";
import { ProgressLine } from "../report/progress-line.ts";
import { alignColumns, shortNumber } from "../report/table.ts";

export const repairHelp = `npm run bench -- --only repair [flags]: a load while repair is paused,
and while it makes again what was on disks that were taken away
  --seconds N         of each round (5) …
  --rounds N          … with and without repair, in turn (5)
  --disks N           data directories, on one disk (8)
  --lost N            of them are taken away (1): with two, what has no redundancy left is urgent
  --mebibytes N       stored before (4096): repair must last for all rounds
  --share PERCENT     of --background-share (20)`;

/** True if the flags ask for this measurement. */
export function isRepairRun(args: readonly string[]): boolean {
  return args.includes("--only=repair") || args[args.indexOf("--only") + 1] === "repair";
}

const bucket = "repair";
const bulkBytes = 1024 * 1024;
const smallBytes = 4096;
const smallObjects = 2000;
const connections = 64;
const processes = 2;
/** Time between two looks at the server. */
const lookMs = 500;
/** Small extents, soon sealed and coded; the time of grace is short. */
const settings = [
  ["--extent-size", "16MiB"],
  ["--code-from", "4MiB"],
  ["--seal-after", "2s"],
  ["--reserve", "0"],
  ["--repair-after", "2s"],
].flat();

interface RepairRun {
  readonly directories: readonly string[];
  readonly lost: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly mebibytes: number;
  readonly share: string;
  readonly progress: ProgressLine;
  readonly signal: AbortSignal;
}

interface Round {
  readonly perSecond: number;
  readonly p99Ms: number;
  /** Bytes that repair read and wrote in a second. */
  readonly repairPerSecond: number;
}

/** Throws an Error that says what is wrong with the flags. */
export async function runRepair(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      seconds: { type: "string", default: "5" },
      rounds: { type: "string", default: "5" },
      disks: { type: "string", default: "8" },
      lost: { type: "string", default: "1" },
      mebibytes: { type: "string", default: "4096" },
      share: { type: "string", default: "20" },
    },
  });
  const folder = await mkdtemp(join(tmpdir(), "holdfast-repair-"));
  const interrupted = new AbortController();
  const onInterrupt = (): void => interrupted.abort(new Error("interrupted"));
  process.on("SIGINT", onInterrupt).on("SIGTERM", onInterrupt);
  const run: RepairRun = {
    directories: Array.from({ length: whole("disks", values.disks) }, (_, i) =>
      join(folder, `d${i + 1}`),
    ),
    lost: whole("lost", values.lost),
    seconds: whole("seconds", values.seconds),
    rounds: whole("rounds", values.rounds),
    mebibytes: whole("mebibytes", values.mebibytes),
    share: `${whole("share", values.share)}%`,
    progress: new ProgressLine(),
    signal: interrupted.signal,
  };
  try {
    await measure(run);
  } finally {
    process.off("SIGINT", onInterrupt).off("SIGTERM", onInterrupt);
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(run: RepairRun): Promise<void> {
  const { directories, progress, signal } = run;
  const more = [...settings, "--background-share", run.share];
  // It says of the disk that it is gone.
  const logFile = join(dirname(directories[0]!), "log"); // there are several
  const server = await HoldfastServer.start(directories, { more, logFile });
  try {
    const { endpoint, pid } = server;
    const store: Store = { name: "holdfast", kind: "ours", endpoint, pid, ...rootKey };
    const target = targetOf(store, bucket);
    await createBucket({ target, prefix: "" });
    const bulk = spaceOf("bulk/", run.mebibytes, bulkBytes);
    const small = spaceOf("small/", smallObjects, smallBytes);
    const plan = { ...planOf(target, small), seconds: run.seconds };
    progress.show(`storing ${run.mebibytes} MiB`);
    for (const space of [bulk, small]) await runLoad(loadingPlan({ ...plan, space }), { signal });
    await until(run, endpoint, "all is coded and whole", isAtRest);
    await command(endpoint, "pause");
    for (const one of directories.slice(-run.lost)) await rename(one, `${one}-away`);
    await until(run, endpoint, "what was on them is to be made", (figures) => {
      return (sumOf(figures, "holdfast_short_extents") ?? 0) > 0;
    });
    await sleep(graceMs, undefined, { signal });
    const found = { paused: [] as Round[], repairing: [] as Round[] };
    for (let round = 1; round <= run.rounds; round++) {
      progress.show(`round ${round} of ${run.rounds}`);
      found.paused.push(await roundOf(run, endpoint, plan));
      await command(endpoint, "resume");
      await until(run, endpoint, "repair goes on", (figures) => isRepairing(figures) !== undefined);
      const repairing = await roundOf(run, endpoint, plan);
      // A round in which repair came to its end would be half a round without it.
      if (isRepairing(await figuresAt(endpoint)) !== true) break;
      found.repairing.push(repairing);
      await command(endpoint, "pause");
    }
    progress.clear();
    const completed = found.repairing.length;
    if (completed === 0) throw new Error("repair was done within the first round: store more");
    if (completed < run.rounds)
      console.log(`repair was done after ${completed} of ${run.rounds} rounds`);
    print(found);
  } finally {
    progress.clear();
    await server.stop();
  }
}

/** The disks are taken for lost by then. */
const graceMs = 5000;

function spaceOf(prefix: string, count: number, bytes: number): KeySpace {
  return { count, pattern: "hashed", prefix, sizes: [[bytes, 1]], seed: 1 };
}

function planOf(target: Plan["target"], space: KeySpace): Plan {
  return {
    target,
    mix: [
      ["get", 7],
      ["put", 3],
    ],
    space,
    choice: { kind: "uniform" },
    concurrency: connections,
    processes,
    seconds: 0,
    countMax: Infinity,
    warmupSeconds: 1,
    verify: 0,
    signPayload: false,
    pageKeys: 1000,
    delimiter: "",
    partBytes: bulkBytes,
    rangeBytes: smallBytes,
  };
}

async function roundOf({ signal }: RepairRun, endpoint: string, plan: Plan): Promise<Round> {
  const before = await figuresAt(endpoint);
  const beganMs = performance.now();
  const result = await runLoad(plan, { signal });
  signal.throwIfAborted();
  const tookMs = performance.now() - beganMs;
  const moved = repairedIn(await figuresAt(endpoint)) - repairedIn(before);
  const { operations, failed } = figuresOf(result, processes);
  if (failed > 0) throw new Error(`${failed} requests failed: the server's log says why`);
  const perSecond = operations.reduce((sum, one) => sum + one.perSecond, 0);
  const p99Ms = Math.max(...operations.map(({ latencyMs }) => latencyMs.p99));
  return { perSecond, p99Ms, repairPerSecond: (moved * 1000) / tookMs };
}

function repairedIn(figures: readonly Figure[]): number {
  return sumsBy(figures, "holdfast_background_transferred_bytes_total", "task").get("repair") ?? 0;
}

async function figuresAt(endpoint: string): Promise<readonly Figure[]> {
  return readFigures(await (await fetch(`${endpoint}/-/metrics`)).text());
}

async function until(
  { progress, signal }: RepairRun,
  endpoint: string,
  what: string,
  holds: (figures: readonly Figure[]) => boolean,
): Promise<void> {
  progress.show(`until ${what}`);
  while (!holds(await figuresAt(endpoint))) await sleep(lookMs, undefined, { signal });
}

/** Undefined while repair looks for what is to be made, false when nothing is left. */
function isRepairing(figures: readonly Figure[]): boolean | undefined {
  if ((sumOf(figures, "holdfast_repair_extents") ?? 0) > 0) return true;
  return (sumOf(figures, "holdfast_short_extents") ?? 0) > 0 ? undefined : false;
}

/** Everything is sealed, coded if it is large enough, and whole. */
function isAtRest(figures: readonly Figure[]): boolean {
  const states = sumsBy(figures, "holdfast_extents", "state");
  const passing = ["open", "sealed", "settled", "dropping"];
  const others = ["encoding_extents", "repair_extents", "short_extents", "repair_looking"];
  const left = [
    ...passing.map((state) => states.get(state) ?? 0),
    ...others.map((name) => sumOf(figures, `holdfast_${name}`) ?? 1),
  ];
  return left.every((count) => count === 0);
}

async function command(endpoint: string, action: "pause" | "resume"): Promise<void> {
  const { code, output } = await runCommand("repair", action, "--endpoint", endpoint);
  if (code !== 0) throw new Error(`repair ${action}: ${output}`);
}

function print(found: { readonly paused: Round[]; readonly repairing: Round[] }): void {
  const of = (rounds: readonly Round[], field: keyof Round): number =>
    median(rounds.map((round) => round[field]));
  const rows = Object.entries(found).map(([name, rounds]) => [
    name,
    shortNumber(of(rounds, "perSecond")),
    shortNumber(of(rounds, "p99Ms")),
    shortNumber(of(rounds, "repairPerSecond") / 1e6),
  ]);
  const heads = ["repair", "requests/s", "p99 ms", "repair MB/s"];
  console.log(alignColumns([heads, ...rows]));
  const rate = of(found.repairing, "perSecond") / of(found.paused, "perSecond");
  console.log(`clients keep ${Math.round(100 * rate)} % of their rate while repair goes on`);
}
