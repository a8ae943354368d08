import { writeFileSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { messageOf, StoreError } from "../base/errors.ts";
import { annualDurability } from "../model/annual-durability.ts";
import { renderDurabilityChart } from "../model/durability-chart.ts";
import { ratesOf } from "../model/fleet.ts";
import { spreadOver } from "../model/layout.ts";
import { type LossEstimate, LossTrials } from "../model/loss-trials.ts";
import type { ModelScheme } from "../model/model-scheme.ts";
import { type Command, exitStatus, type GivenFlags } from "./command.ts";
import { modelFlags, type ModelQuestion, modelQuestionOf } from "./model-flags.ts";
import { modelJson, modelLines, type ModelRow } from "./model-text.ts";
import { TerminalLine } from "./terminal-line.ts";
import { untilInterrupted } from "./stop-signal.ts";

/** @limit Some 10 ms of trials, so that Ctrl-C is noticed and progress shown. */
const trialsAtOnce = 1000;

export const modelDurability: Command = {
  name: "model durability",
  summary: "compute how durable data is, by scheme, disks and what happens to them",
  usage: "model durability [--scheme NAME[,NAME…]] [--afr SHARE] [--zones N] [FLAGS]",
  flags: [
    ...modelFlags,
    { name: "svg", value: "FILE", help: "write a chart: nines by repair time" },
    { name: "json", help: "print the whole report as one line of JSON" },
  ],
  run: runModelDurability,
};

async function runModelDurability(given: GivenFlags): Promise<number> {
  const question = modelQuestionOf(given);
  const stop = untilInterrupted();
  const line = process.stderr.isTTY ? new TerminalLine() : undefined;
  const rows: ModelRow[] = [];
  const svg = given.flags.get("svg");
  if (svg !== undefined) writeChart(svg, question);
  try {
    for (const scheme of question.schemes) {
      const closed = annualDurability(scheme, question.fleet);
      const tried = await tryScheme(scheme, question, { stop, line });
      rows.push({ closed, tried });
    }
  } finally {
    line?.end();
  }
  console.log(given.flags.has("json") ? modelJson(question, rows) : modelLines(question, rows));
  return exitStatus.ok;
}

interface Watched {
  readonly stop: AbortSignal;
  readonly line: TerminalLine | undefined;
}

/** Undefined if no trials are wanted. */
async function tryScheme(
  scheme: ModelScheme,
  { fleet, trials, seed }: ModelQuestion,
  { stop, line }: Watched,
): Promise<LossEstimate | undefined> {
  if (trials === 0) return undefined;
  const layout = spreadOver(scheme, fleet.domains.count);
  const rates = ratesOf(scheme, fleet);
  const all = new LossTrials({ scheme, layout, rates, batch: fleet.batch, seed });
  for (let done = 0; done < trials; done += trialsAtOnce) {
    // Signals are delivered between turns of the event loop.
    await nextTurn();
    if (stop.aborted) throw new StoreError("cancelled", "the model was stopped");
    line?.show(`trying ${scheme.label}: ${Math.floor((100 * done) / trials)} %`);
    all.run(Math.min(trialsAtOnce, trials - done));
  }
  return all.estimate;
}

function writeChart(path: string, { schemes, fleet }: ModelQuestion): void {
  try {
    writeFileSync(path, renderDurabilityChart(schemes, fleet));
  } catch (cause) {
    throw new StoreError("io", `--svg ${path}: ${messageOf(cause)}`, { cause });
  }
}
