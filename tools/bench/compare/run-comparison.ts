import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createBucket, deleteBucket, removeObjects } from "../load/bucket.ts";
import { privateBytesOf } from "../load/server-watch.ts";
import { renderComparisonChart } from "../report/comparison-chart.ts";
import { renderComparison } from "../report/comparison-table.ts";
import { ProgressLine } from "../report/progress-line.ts";
import { type comparisonGroups, type Load, loadsOf } from "./loads.ts";
import { atRest, type LoadSamples, type Row, rowsOf } from "./rows.ts";
import { type Sample, type SampleOptions, storeObjects, takeSample } from "./sample.ts";
import { measureStarts } from "./starts.ts";
import { type PeerStore, type Store, Stores, targetOf } from "./stores.ts";
import { readSyncCounts, sharedSyncNote } from "./sync-counts.ts";

export interface ComparisonRun {
  readonly peers: readonly PeerStore[];
  /** False: no bare server is put under the loads. */
  readonly hasBare: boolean;
  readonly only: readonly (typeof comparisonGroups)[number][];
  /** Only loads whose names have one of these in them. */
  readonly words: readonly string[];
  readonly keys: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly connections: number;
  readonly objects: number;
  readonly uploads: number;
  readonly workers: number;
  readonly processes: number;
  readonly cpuProfiles: string | undefined;
  readonly json: boolean;
  readonly svg: string | undefined;
}

interface Found {
  readonly rows: Row[];
  /** Notes about our store only. */
  readonly notes: string[];
}

/**
 * Puts our store, the peers and bare servers under the same loads in turn, and prints; what was
 * stored is removed.
 */
export async function runComparison(run: ComparisonRun): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-bench-"));
  const interrupted = new AbortController();
  const onInterrupt = (): void => interrupted.abort(new Error("interrupted"));
  process.on("SIGINT", onInterrupt).on("SIGTERM", onInterrupt);
  const progress = new ProgressLine();
  const found: Found = { rows: [], notes: [] };
  try {
    const { signal } = interrupted;
    const bucket = `bench-${randomBytes(5).toString("hex")}`;
    const options = { ...run, bucket, progress, signal };
    if (run.only.some((group) => group !== "start")) await compare(run, folder, options, found);
    signal.throwIfAborted();
    if (run.only.includes("start")) {
      const full = found.rows.length > 0 ? join(folder, "data") : undefined;
      found.notes.push(...(await measureStarts(join(folder, "empty"), full)));
    }
  } finally {
    progress.clear();
    await rm(folder, { recursive: true, force: true });
    process.off("SIGINT", onInterrupt).off("SIGTERM", onInterrupt);
  }
  report(run, found);
}

async function compare(
  run: ComparisonRun,
  folder: string,
  options: SampleOptions,
  found: Found,
): Promise<void> {
  const { bucket, progress } = options;
  await using stores = await Stores.start({ ...run, folder });
  const made: Store[] = [];
  try {
    for (const store of stores.all) {
      await createBucket({ target: targetOf(store, bucket), prefix: "" });
      made.push(store);
    }
    if (run.only.includes("memory")) {
      found.rows.push(...stores.all.map((store) => atRest(store, privateBytesOf(store.pid))));
    }
    const filled = new Set<string>();
    const loads = loadsOf(run).filter(({ group, name }) => {
      return run.only.includes(group) && run.words.some((words) => name.includes(words));
    });
    for (const load of loads) {
      if (load.stores === "once" && !filled.has(load.prefix)) {
        for (const store of stores.all) await storeObjects(store, load, options);
        filled.add(load.prefix);
      }
      const under = [...stores.all];
      if (run.hasBare && load.bareBytes !== undefined)
        under.push(await stores.bare(load.bareBytes));
      const before = await readSyncCounts(stores.all[0]);
      found.rows.push(...rowsOf(await measureLoad(run, load, under, options)));
      const shared = sharedSyncNote(load, before, await readSyncCounts(stores.all[0]));
      if (shared !== undefined) found.notes.push(shared);
    }
  } finally {
    // Ours goes with its folder.
    for (const store of made.filter(({ kind }) => kind === "peer")) {
      progress.show(`removing what was stored, ${store.name}`);
      const place = { target: targetOf(store, bucket), prefix: "" };
      await removeObjects(place);
      await deleteBucket(place);
    }
  }
}

/** Each round meets the stores in another order. */
async function measureLoad(
  run: ComparisonRun,
  load: Load,
  stores: readonly Store[],
  options: SampleOptions,
): Promise<LoadSamples> {
  const samples = stores.map((): Sample[] => []);
  for (let round = 0; round < Math.min(run.rounds, load.roundsMax); round++) {
    for (const turn of stores.keys()) {
      const i = (turn + round) % stores.length;
      const store = stores[i]!;
      if (load.stores === "each round" && store.kind !== "bare") {
        await storeObjects(store, load, options);
      }
      samples[i]!.push(await takeSample(store, load, options));
    }
  }
  return { load, stores: stores.map((store, i) => ({ store, samples: samples[i]! })) };
}

function report(run: ComparisonRun, { rows, notes }: Found): void {
  const { workers, processes, seconds, rounds, peers, svg } = run;
  const machine = { cpus: cpus().length, loadAverage: loadavg()[0], node: process.version };
  const peerNames = peers.map(({ name }) => name);
  const terms = { peerNames, workers, loadProcesses: processes, seconds, rounds, ...machine };
  if (svg !== undefined) {
    const title = "Rates by the fastest store's, load by load; longer is better";
    writeFileSync(svg, renderComparisonChart(rows, title));
  }
  if (run.json) console.log(JSON.stringify({ ...terms, rows, notes }));
  else console.log([JSON.stringify(terms), renderComparison(rows), ...notes].join("\n\n"));
}
