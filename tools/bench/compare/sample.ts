import type { Plan } from "../load/plan.ts";
import { loadingPlan } from "../load/plan.ts";
import { type LoadResult, runLoad } from "../load/run-load.ts";
import { figuresOf, type OperationFigures } from "../report/figures.ts";
import type { ProgressLine } from "../report/progress-line.ts";
import type { Load } from "./loads.ts";
import { type Store, targetOf } from "./stores.ts";

/** The results of one store in one round of one load. */
export interface Sample {
  readonly operations: readonly OperationFigures[];
  readonly succeeded: number;
  readonly perSecond: number;
  readonly megabytesPerSecond: number;
  /** Processor time of the server's processes; undefined where they are not ours to see. */
  readonly cpuSeconds: number | undefined;
  readonly bytes: number;
  /** The most anonymous memory that the server's processes had. */
  readonly privateBytes: number | undefined;
  readonly failed: number;
  /** The busy share of the load's own processes; 1 if they never waited. */
  readonly busy: number;
}

export interface SampleOptions {
  readonly bucket: string;
  readonly processes: number;
  readonly seconds: number;
  readonly progress: ProgressLine;
  readonly signal: AbortSignal;
}

/** Puts the store under the load once. */
export async function takeSample(
  store: Store,
  load: Load,
  options: SampleOptions,
): Promise<Sample> {
  const { progress, signal } = options;
  const plan = planOf(store, load, options);
  const goal = { seconds: plan.seconds + plan.warmupSeconds, count: plan.countMax };
  const onProgress = progress.of(`${load.name}, ${store.name}`, goal);
  const result = await runLoad(plan, { onProgress, serverPid: store.pid, signal });
  signal.throwIfAborted();
  return sampleOf(result, plan.processes);
}

/**
 * Stores what the load finds there. A peer may be too slow for a moment; what it did not take is
 * seen when it is read.
 */
export async function storeObjects(
  store: Store,
  load: Load,
  options: SampleOptions,
): Promise<void> {
  const { progress, signal } = options;
  const plan = loadingPlan({ ...planOf(store, load, options), concurrency: 64 });
  const goal = { seconds: Infinity, count: plan.countMax };
  const onProgress = progress.of(`storing for ${load.name}, ${store.name}`, goal);
  const { tally } = await runLoad(plan, { onProgress, signal });
  signal.throwIfAborted();
  if (tally.failed === 0) return;
  const errors = [...tally.operations.values()].flatMap(({ errors: each }) => [...each.keys()]);
  const message = `${tally.failed} of ${plan.countMax} objects could not be stored`;
  throw new Error(`${store.name}: ${message}: ${errors.join(", ")}`);
}

/** Bytes are not compared, so that the load is small and the same for all. */
function planOf(store: Store, load: Load, options: SampleOptions): Plan {
  const { mix, keys, pattern, prefix, sizes, connections, delimiter } = load;
  const isCounted = load.stores === "each round";
  return {
    target: targetOf(store, options.bucket),
    mix,
    space: { count: keys, pattern, prefix, sizes, seed: 1 },
    choice: { kind: "uniform" },
    concurrency: connections,
    processes: Math.min(options.processes, connections),
    seconds: isCounted ? Infinity : options.seconds * load.longer,
    countMax: isCounted ? keys : Infinity,
    breaksOff: load.breaksOff,
    warmupSeconds: isCounted ? 0 : 1,
    verify: 0,
    signPayload: false,
    pageKeys: 1000,
    delimiter,
    partBytes: 8 * 1024 ** 2,
    rangeBytes: 4096,
  };
}

function sampleOf(result: LoadResult, processes: number): Sample {
  const { operations, seconds, server, failed, load } = figuresOf(result, processes);
  const succeeded = operations.reduce((sum, each) => sum + each.succeeded, 0);
  const bytes = operations.reduce((sum, each) => sum + each.megabytesPerSecond, 0) * seconds * 1e6;
  return {
    operations,
    succeeded,
    perSecond: succeeded / seconds,
    megabytesPerSecond: bytes / 1e6 / seconds,
    cpuSeconds: server?.cpuSeconds,
    bytes,
    privateBytes: server?.privateBytes.most,
    failed,
    busy: load.busy,
  };
}
