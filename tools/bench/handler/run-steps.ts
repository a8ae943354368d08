import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { alignColumns } from "../report/table.ts";
import { type Checkout, checkoutsOf, scriptOf, workerEnvironment } from "./checkouts.ts";
import type { StepFigures } from "./count-steps.ts";
import type { HandlerRun } from "./handler-flags.ts";

/** Lines shown of the list by file: the files with most steps. */
const filesShown = 20;

/** Promises that one request alone should make at most. */
const goals: Readonly<Record<string, number>> = { "put 4 KiB": 35, "get 4 KiB": 10 };

export interface CountedCheckout {
  readonly name: string;
  readonly figures: readonly StepFigures[];
}

/** Counts what requests do in each checkout, and prints. */
export async function runSteps(run: HandlerRun): Promise<void> {
  const counted: CountedCheckout[] = [];
  for (const checkout of checkoutsOf(run.against)) {
    counted.push({ name: checkout.name, figures: await count(checkout) });
  }
  console.log(run.json ? JSON.stringify({ counted }) : renderSteps(counted));
}

async function count(checkout: Checkout): Promise<readonly StepFigures[]> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-steps-"));
  try {
    const script = scriptOf(checkout, "count-steps.ts");
    const child = spawn(process.execPath, [script, join(folder, "data")], {
      env: { ...process.env, ...workerEnvironment },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (piece: Buffer) => (output += piece.toString()));
    const code = await new Promise<number | null>((done) => child.once("close", done));
    if (code !== 0) throw new Error(`${script} ended with ${code}`);
    return JSON.parse(output) as StepFigures[]; // from count-steps.ts
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A table of the totals, and behind it where they come from. */
export function renderSteps(counted: readonly CountedCheckout[]): string {
  const titles = ["", "calls", "files", "promises", "goal"];
  const rows = (counted[0]?.figures ?? []).flatMap((_, i) =>
    counted.flatMap(({ name, figures }) => {
      const found = figures[i];
      return found === undefined ? [] : [rowOf(found, counted.length > 1 ? name : "")];
    }),
  );
  const alone = (counted[0]?.figures ?? []).filter(({ atOnce }) => atOnce === 1);
  const lists = alone.map((figures) => {
    const files = figures.byFile
      .slice(0, filesShown)
      .map(({ file, calls, promises }) => [file, count1(calls), count1(promises)]);
    return `\n${rowName(figures.kind, 1, "")}, by file\n${alignColumns([["", "calls", "promises"], ...files])}`;
  });
  return [alignColumns([titles, ...rows]), ...lists].join("\n");
}

function rowName(kind: string, atOnce: number, checkout: string): string {
  const how = atOnce === 1 ? "alone" : `${atOnce} at once`;
  return [kind, how, ...(checkout === "" ? [] : [checkout])].join(", ");
}

function rowOf(figures: StepFigures, checkout: string): string[] {
  const { kind, atOnce, calls, files, promises } = figures;
  const goal = atOnce === 1 && goals[kind] !== undefined ? `≤ ${goals[kind]}` : "";
  const counts = [calls, files, promises].map(count1);
  return [rowName(kind, atOnce, checkout), ...counts, goal];
}

function count1(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 1 });
}
