import { writeFileSync } from "node:fs";
import type { EndpointRun } from "./endpoint-flags.ts";
import { createBucket, deleteBucket, removeObjects } from "./load/bucket.ts";
import { loadingPlan, needsObjects, type Plan } from "./load/plan.ts";
import { type LoadResult, runLoad } from "./load/run-load.ts";
import { figuresOf } from "./report/figures.ts";
import { renderLatencyChart } from "./report/latency-chart.ts";
import { ProgressLine } from "./report/progress-line.ts";
import { renderTable } from "./report/table.ts";

/**
 * Runs a load on a store and reports; whether every request did what it should. Removes what it
 * made, however it ends.
 */
export async function runOnEndpoint(run: EndpointRun): Promise<boolean> {
  const { plan, makesBucket, keep } = run;
  const { target } = plan;
  const place = { target, prefix: plan.space.prefix };
  const interrupted = new AbortController();
  const onInterrupt = (): void => {
    if (interrupted.signal.aborted) {
      console.error(`\nleft behind: bucket ${target.bucket}, keys "${place.prefix}…"`);
      process.exit(130);
    }
    interrupted.abort();
    console.error("\nstopping and cleaning up; once more to leave at once");
  };
  process.on("SIGINT", onInterrupt).on("SIGTERM", onInterrupt);
  const progress = new ProgressLine();
  if (makesBucket) await createBucket(place);
  try {
    const result = await load(run, interrupted.signal, progress);
    progress.clear();
    if (result !== undefined) report(run, result);
    return result !== undefined && result.tally.failed === 0 && !interrupted.signal.aborted;
  } finally {
    if (!keep) {
      progress.show("removing what was made …");
      await removeObjects(place);
      if (makesBucket) await deleteBucket(place);
      progress.clear();
    } else console.error(`kept: bucket ${target.bucket}, --seed ${plan.space.seed}`);
    process.off("SIGINT", onInterrupt).off("SIGTERM", onInterrupt);
  }
}

/** The run, after storing what it reads; undefined where it was interrupted before it began. */
async function load(
  run: EndpointRun,
  signal: AbortSignal,
  progress: ProgressLine,
): Promise<LoadResult | undefined> {
  const { plan, workload, serverPid } = run;
  if (!run.loaded && needsObjects(plan)) {
    await store(loadingPlan(plan), signal, progress);
    if (signal.aborted) return undefined;
  }
  const goal = { seconds: plan.warmupSeconds + plan.seconds, count: plan.countMax };
  return runLoad(plan, { signal, serverPid, onProgress: progress.of(workload, goal) });
}

async function store(plan: Plan, signal: AbortSignal, progress: ProgressLine): Promise<void> {
  const goal = { seconds: Infinity, count: plan.countMax };
  const { tally } = await runLoad(plan, { signal, onProgress: progress.of("storing", goal) });
  if (tally.failed === 0) return;
  const errors = [...tally.operations.values()].flatMap(({ errors: each }) => [...each.keys()]);
  throw new Error(`${tally.failed} of the objects could not be stored: ${errors.join(", ")}`);
}

function report(run: EndpointRun, result: LoadResult): void {
  const { plan, workload, svg } = run;
  const figures = figuresOf(result, plan.processes);
  const { endpoint } = plan.target;
  const what = `${workload} at ${plan.concurrency} connections, ${endpoint}`;
  if (svg !== undefined) writeFileSync(svg, renderLatencyChart(result.tally.series, what));
  if (run.json) {
    const { concurrency, space } = plan;
    const { count: keys, seed, pattern } = space;
    console.log(
      JSON.stringify({ workload, endpoint, concurrency, keys, pattern, seed, ...figures }),
    );
  } else console.log(`${what}\n\n${renderTable(figures)}`);
}
