import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { HoldfastServer, region, rootKey } from "../../../test/acceptance/holdfast-server.ts";
import { S3Connection } from "../../../test/acceptance/s3-connection.ts";
import type { KeySpace } from "../load/key-space.ts";
import type { Operation, Plan } from "../load/plan.ts";
import { runLoad } from "../load/run-load.ts";
import { figuresOf, type Figures, type OperationFigures } from "../report/figures.ts";
import type { ProgressLine } from "../report/progress-line.ts";

/** What all comparisons are made with. */
export interface Context {
  readonly folder: string;
  /** Processes of each server that answer requests, and those of the load. */
  readonly workers: number;
  readonly processes: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly connections: number;
  /** Large ones at once, while memory is measured. */
  readonly uploads: number;
  /** Of the large bucket that is listed. */
  readonly keys: number;
  /** Where profiles of our server's processes go. */
  readonly cpuProfiles: string | undefined;
  readonly progress: ProgressLine;
  /** Ends what is under way: it throws. */
  readonly signal: AbortSignal;
}

/** One figure, beside what it is compared with. */
export interface Comparison {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  readonly reference: number | undefined;
  /** How the ratio is written, and what it should be; not every figure has one. */
  readonly ratio: number | undefined;
  readonly goal: string;
  readonly note: string;
}

export const bucket = "bench";

/** A server of ours on a directory of its own, with the bucket in it. */
export async function startOurs(context: Context, name: string): Promise<HoldfastServer> {
  const { workers, cpuProfiles } = context;
  const server = await HoldfastServer.start([directoryOf(context, name)], {
    workers,
    more: ["--log-level", "warn"],
    ...(cpuProfiles !== undefined && { nodeOptions: `--cpu-prof --cpu-prof-dir=${cpuProfiles}` }),
  });
  const connection = new S3Connection(server.endpoint);
  await connection.send("PUT", `/${bucket}`); // or it is there
  connection.close();
  return server;
}

export function directoryOf(context: Context, name: string): string {
  return join(context.folder, name);
}

export interface Work {
  readonly operation: Operation;
  readonly objectBytes: number;
  readonly connections: number;
  readonly keys: number;
  readonly space?: Partial<KeySpace>;
  readonly delimiter?: string;
  /** Instead of the seconds of the context. */
  readonly count?: number;
  /** What is under way at the end is not waited for. */
  readonly breaksOff?: boolean;
}

export type Measured = OperationFigures & Pick<Figures, "load" | "server">;

/** One run of the load on one server; every request must succeed. */
export async function measure(
  context: Context,
  endpoint: string,
  work: Work,
  serverPid?: number,
): Promise<Measured> {
  const plan = planOf(context, endpoint, work);
  const onProgress = context.progress.of(`${work.operation} ${endpoint}`, {
    seconds: plan.seconds + plan.warmupSeconds,
    count: plan.countMax,
  });
  const { operations, load, server, failed } = figuresOf(
    await runLoad(plan, { onProgress, serverPid, signal: context.signal }),
    plan.processes,
  );
  context.signal.throwIfAborted();
  const [figures] = operations;
  if (failed > 0 || figures === undefined) {
    throw new Error(`${work.operation} of ${endpoint}: ${JSON.stringify(figures?.errors ?? {})}`);
  }
  return { ...figures, load, server };
}

/** Bytes are compared in the tests; here the load of both servers' clients shall be the same and small. */
export function planOf(context: Context, endpoint: string, work: Work): Plan {
  const { operation, objectBytes, connections, keys, count, delimiter = "" } = work;
  const { breaksOff = false } = work;
  const identity = { ...rootKey, region, sessionToken: undefined };
  const way = { virtualHost: false, insecure: false, ca: undefined, timeoutMs: 60_000 };
  const space = { pattern: "sequential", prefix: "", sizes: [[objectBytes, 1]], seed: 1 } as const;
  return {
    target: { endpoint, bucket, ...identity, ...way },
    mix: [[operation, 1]],
    space: { ...space, count: keys, ...work.space },
    choice: { kind: "uniform" },
    concurrency: connections,
    processes: Math.min(context.processes, connections),
    seconds: count === undefined ? context.seconds : Infinity,
    countMax: count ?? Infinity,
    breaksOff,
    warmupSeconds: count === undefined ? 1 : 0,
    verify: 0,
    signPayload: false,
    pageKeys: 1000,
    delimiter,
    partBytes: 8 * 1024 ** 2,
    rangeBytes: 4096,
  };
}

/** Fills the bucket of a store that is not running. */
export async function fillStore(context: Context, name: string, space: KeySpace): Promise<void> {
  const began = performance.now();
  const script = join(import.meta.dirname, "fill-store.ts");
  const child = fork(script, [directoryOf(context, name), JSON.stringify(space), bucket], {
    signal: context.signal,
  });
  const show = context.progress.of("filling a store", { seconds: Infinity, count: space.count });
  child.on("message", (done: number) => {
    const seconds = (performance.now() - began) / 1000;
    show({ seconds, succeeded: done, failed: 0, bytes: 0 });
  });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`filling a store ended with ${code}`);
}

export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}
