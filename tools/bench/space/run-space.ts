// What a real server keeps on its disks for what is stored in it: once all is coded, and after a
// random half of the objects was deleted, while it goes on serving.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { backgroundLimits } from "../../../src/control/background.ts";
import { readFigures, sumOf, sumsBy } from "../../../src/cli/figures.ts";
import { schemeNamed, overheadOf } from "../../../src/placement/scheme-table.ts";
import {
  checkData,
  HoldfastServer,
  rootKey,
  runCommand,
} from "../../../test/acceptance/holdfast-server.ts";
import { targetOf } from "../compare/stores.ts";
import { whole } from "../flag-values.ts";
import { createBucket, deleteObjects } from "../load/bucket.ts";
import { hashOf } from "../load/content.ts";
import { keyOf, type KeySpace } from "../load/key-space.ts";
import type { Plan } from "../load/plan.ts";
import { runLoad } from "../load/run-load.ts";
import type { Target } from "../load/s3-client.ts";
import { ProgressLine } from "../report/progress-line.ts";
import { shortNumber } from "../report/table.ts";
import { bytesOnDisks } from "./bytes-on-disks.ts";

export const spaceHelp = `npm run bench -- --only space [flags]: bytes on disk for the bytes stored,
by a server with its usual settings, after coding and after half was deleted (half an hour)
  --disks N           data directories (14)
  --scheme NAME       the scheme chosen for the bucket (rs-10-4)
  --objects N         stored (300000) …
  --bytes N           … of so many bytes (4096)
  --folder DIR        where the directories are made (the system's for temporary files)`;

/** True if the flags ask for this measurement. */
export function isSpaceRun(args: readonly string[]): boolean {
  return args.includes("--only=space") || args[args.indexOf("--only") + 1] === "space";
}

interface SpaceRun {
  readonly directories: readonly string[];
  readonly scheme: string;
  readonly space: KeySpace;
  readonly bytes: number;
  readonly progress: ProgressLine;
  readonly signal: AbortSignal;
}

const bucket = "space";
/** Time between two looks at the server. */
const lookMs = 5000;
/** It is at rest when nothing was to do for so long: twice the time between two counts of extents … */
const restMs = 30_000;
/** … and where something is kept as copies, until it would have been coded: then it stays so. */
const copiesRestMs = backgroundLimits.smallRestMs + 120_000;

/** Throws an Error that says what is wrong with the flags, or with what is on the disks. */
export async function runSpace(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      disks: { type: "string", default: "14" },
      scheme: { type: "string", default: "rs-10-4" },
      objects: { type: "string", default: "300000" },
      bytes: { type: "string", default: "4096" },
      folder: { type: "string", default: tmpdir() },
    },
  });
  const { scheme } = values;
  const known = schemeNamed(scheme);
  if (known === undefined) throw new Error(`--scheme "${scheme}": see holdfast scheme list`);
  const [disks, count] = [whole("disks", values.disks), whole("objects", values.objects)];
  const bytes = whole("bytes", values.bytes);
  const folder = await mkdtemp(join(values.folder, "holdfast-space-"));
  const directories = Array.from({ length: disks }, (_, i) => join(folder, `d${i + 1}`));
  const sizes = [[bytes, 1]] as const;
  const space: KeySpace = { count, pattern: "hashed", prefix: "", sizes, seed: 1 };
  const interrupted = new AbortController();
  const onInterrupt = (): void => interrupted.abort(new Error("interrupted"));
  process.on("SIGINT", onInterrupt).on("SIGTERM", onInterrupt);
  const progress = new ProgressLine();
  try {
    const run = { directories, scheme, space, bytes, progress, signal: interrupted.signal };
    console.log(`${known.name}, ${disks} disks, ${count} objects of ${bytes} bytes`);
    await measure(run, overheadOf(known.scheme));
  } finally {
    progress.clear();
    process.off("SIGINT", onInterrupt).off("SIGTERM", onInterrupt);
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(run: SpaceRun, overhead: number): Promise<void> {
  const { directories, scheme, space, bytes, progress } = run;
  const options = { more: ["--log-level", "warn"] };
  const server = await HoldfastServer.start(directories, options);
  try {
    const { endpoint, pid } = server;
    const target = targetOf({ name: "holdfast", kind: "ours", endpoint, pid, ...rootKey }, bucket);
    await createBucket({ target, prefix: "" });
    await choose(endpoint, scheme);
    const step = async (name: string, storedBytes: number, sinceMs: number): Promise<void> => {
      await untilAtRest(run, endpoint, name);
      const { extentBytes, otherBytes } = await bytesOnDisks(directories);
      const ratio = extentBytes / storedBytes;
      const [stored, onDisk, other] = [storedBytes, extentBytes, otherBytes].map(megabytes);
      const seconds = shortNumber((performance.now() - sinceMs) / 1000);
      progress.clear();
      console.log(
        `${name}: ${stored} MB of objects take ${onDisk} MB, ratio ${ratio.toFixed(3)}, ` +
          `${(ratio / overhead).toFixed(3)} to ideal, after ${seconds} s; index and log ${other} MB`,
      );
    };
    await store(planOf(target, space), run);
    await step("stored", space.count * bytes, performance.now());
    const sinceMs = performance.now();
    const left = await deleteHalf(target, run);
    await step("half deleted", left * bytes, sinceMs);
  } finally {
    await server.stop();
  }
  const { code, output } = await checkData(directories);
  if (code !== 0) throw new Error(`holdfast check: ${output}`);
  console.log("holdfast check: every checksum and reference is right");
}

async function choose(endpoint: string, scheme: string): Promise<void> {
  const flags = ["--bucket", bucket, "--endpoint", endpoint];
  const { code, output } = await runCommand("scheme", "set", scheme, ...flags);
  if (code !== 0) throw new Error(`scheme set: ${output}`);
}

function planOf(target: Target, space: KeySpace): Plan {
  return {
    target,
    mix: [["put", 1]],
    space,
    choice: { kind: "uniform" },
    concurrency: 64,
    processes: 1,
    seconds: Infinity,
    countMax: space.count,
    warmupSeconds: 0,
    verify: 0,
    signPayload: false,
    pageKeys: 1000,
    delimiter: "/",
    partBytes: 8 * 1024 * 1024,
    rangeBytes: 1,
  };
}

async function store(plan: Plan, { progress, signal }: SpaceRun): Promise<void> {
  const goal = { seconds: Infinity, count: plan.countMax };
  const { tally } = await runLoad(plan, { signal, onProgress: progress.of("storing", goal) });
  signal.throwIfAborted();
  if (tally.failed > 0) throw new Error(`${tally.failed} of the objects could not be stored`);
}

/** Deletes a random half of the objects; how many are left. */
async function deleteHalf(target: Target, { space, progress, signal }: SpaceRun): Promise<number> {
  const indexes = Array.from({ length: space.count }, (_, index) => index);
  const gone = indexes.filter((index) => hashOf(`half ${space.seed}-${index}`) % 2 === 0);
  const keys = gone.map((index) => keyOf(space, index));
  await deleteObjects(target, keys, {
    signal,
    onProgress: (done) => progress.show(`deleting: ${done} of ${keys.length}`),
  });
  return space.count - gone.length;
}

/** Waits until nothing is written, reclaimed or coded any more. */
async function untilAtRest(run: SpaceRun, endpoint: string, name: string): Promise<void> {
  const { directories, progress, signal } = run;
  let before = 0;
  let atRestSinceMs: number | undefined;
  for (;;) {
    await sleep(lookMs, undefined, { signal });
    const figures = readFigures(await (await fetch(`${endpoint}/-/metrics`)).text());
    const states = sumsBy(figures, "holdfast_extents", "state");
    const passing = ["open", "sealed", "settled", "dropping"];
    const others = ["encoding_extents", "repair_extents", "garbage_rows"];
    const waiting = [
      ...passing.map((state) => states.get(state) ?? 0),
      ...others.map((name) => sumOf(figures, `holdfast_${name}`) ?? 0),
    ].reduce((sum, count) => sum + count);
    const { extentBytes } = await bytesOnDisks(directories);
    progress.show(`${name}: ${waiting} extents and deletions to go, ${megabytes(extentBytes)} MB`);
    const copies = [...sumsBy(figures, "holdfast_class_alive_bytes", "scheme")]
      .filter(([scheme]) => scheme.startsWith("copies"))
      .reduce((sum, [, aliveBytes]) => sum + aliveBytes, 0);
    const isStill = waiting === 0 && extentBytes === before;
    before = extentBytes;
    atRestSinceMs = isStill ? (atRestSinceMs ?? performance.now()) : undefined;
    const stillMs = atRestSinceMs === undefined ? 0 : performance.now() - atRestSinceMs;
    if (stillMs >= (copies > 0 ? copiesRestMs : restMs)) return;
  }
}

function megabytes(bytes: number): string {
  return shortNumber(bytes / 1e6);
}
