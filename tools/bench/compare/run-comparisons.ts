import { mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { alignColumns, shortNumber } from "../report/table.ts";
import { ProgressLine } from "../report/progress-line.ts";
import type { Comparison, Context } from "./context.ts";
import { compareLists, compareStarts } from "./large-index.ts";
import { compareMemory } from "./memory.ts";
import { compareLarge, compareSmall } from "./transfers.ts";

export const comparisons = ["small", "large", "memory", "list", "start"] as const;
export type ComparisonName = (typeof comparisons)[number];

export interface ComparisonRun extends Omit<Context, "folder" | "progress" | "signal"> {
  readonly only: readonly ComparisonName[];
  readonly json: boolean;
}

/** Compares our server with a bare one and with itself, and prints. */
export async function runComparisons(run: ComparisonRun): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-bench-"));
  const progress = new ProgressLine();
  const interrupted = new AbortController();
  const context: Context = { ...run, folder, progress, signal: interrupted.signal };
  const found: Comparison[] = [];
  const methods: Record<ComparisonName, () => Promise<Comparison[]>> = {
    small: () => compareSmall(context),
    large: () => compareLarge(context),
    memory: () => compareMemory(context),
    list: () => compareLists(context),
    start: () => compareStarts(context, run.only.includes("list")),
  };
  const onInterrupt = (): void => interrupted.abort(new Error("interrupted"));
  process.on("SIGINT", onInterrupt).on("SIGTERM", onInterrupt);
  try {
    for (const name of comparisons) {
      if (!run.only.includes(name)) continue;
      interrupted.signal.throwIfAborted();
      const some = await methods[name]();
      progress.clear();
      found.push(...some);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
    process.off("SIGINT", onInterrupt).off("SIGTERM", onInterrupt);
  }
  const { workers, processes, seconds, rounds } = run;
  const machine = { cpus: cpus().length, loadAverage: loadavg()[0], node: process.version };
  const terms = { workers, loadProcesses: processes, seconds, rounds, ...machine };
  if (run.json) console.log(JSON.stringify({ ...terms, comparisons: found }));
  else console.log(`${JSON.stringify(terms)}\n\n${renderComparisons(found)}`);
}

function renderComparisons(found: readonly Comparison[]): string {
  const rows = found.map(({ what, unit, ours, reference, ratio, goal, note }) => [
    what,
    `${shortNumber(ours)} ${unit}`,
    reference === undefined ? "" : `${shortNumber(reference)} ${unit}`,
    ratio === undefined ? "" : `${(100 * ratio).toFixed(1)} %`,
    goal,
    note,
  ]);
  return alignColumns([["", "ours", "beside", "ratio", "goal", ""], ...rows]);
}
