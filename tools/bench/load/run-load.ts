import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { type ServerCost, ServerWatch } from "./server-watch.ts";
import type { FromLoad, ToLoad } from "./load-process.ts";
import type { Plan } from "./plan.ts";
import { LoadTally } from "./load-tally.ts";

export interface LoadProgress {
  readonly seconds: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly bytes: number;
}

export interface LoadResult {
  readonly tally: LoadTally;
  /** Time from the end of the warm-up to the last answer. */
  readonly seconds: number;
  /** Processor time of the load's own processes. */
  readonly loadCpuSeconds: number;
  /** The server's cost meanwhile, where its process is known. */
  readonly server: ServerCost | undefined;
}

export interface LoadOptions {
  readonly signal?: AbortSignal | undefined;
  readonly serverPid?: number | undefined;
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
}

type Done = Extract<FromLoad, { kind: "done" }>;

/** The time for the processes to start, before all begin together. */
const startDelayMs = 400;

/** Runs a plan in processes of its own. An abort ends it early, with what there is by then. */
export async function runLoad(plan: Plan, options: LoadOptions = {}): Promise<LoadResult> {
  const startMs = Date.now() + startDelayMs;
  const progress = new Map<number, LoadProgress>();
  const beganMs = performance.now() + startDelayMs;
  const onProgress = (number: number, message: LoadProgress): void => {
    progress.set(number, message);
    const all = [...progress.values()];
    const sum = (name: "succeeded" | "failed" | "bytes"): number =>
      all.reduce((total, each) => total + each[name], 0);
    const seconds = (performance.now() - beganMs) / 1000;
    const [succeeded, failed, bytes] = [sum("succeeded"), sum("failed"), sum("bytes")];
    options.onProgress?.({ seconds, succeeded, failed, bytes });
  };
  const children = Array.from({ length: plan.processes }, () =>
    fork(join(import.meta.dirname, "load-process.ts")),
  );
  const stop = (): void => children.forEach((child) => tell(child, "stop"));
  options.signal?.addEventListener("abort", stop, { once: true });
  const { serverPid } = options;
  const watch =
    serverPid === undefined
      ? undefined
      : new ServerWatch(serverPid, startDelayMs + plan.warmupSeconds * 1000);
  try {
    const running = children.map((child, number) => {
      const done = outcomeOf(child, (message) => onProgress(number, message));
      tell(child, { plan, number, startMs });
      return done;
    });
    if (options.signal?.aborted === true) stop();
    const all = await Promise.all(running);
    const tally = new LoadTally();
    for (const done of all) tally.add(done.tally);
    return {
      tally,
      seconds: Math.max(...all.map(({ seconds }) => seconds)),
      loadCpuSeconds: all.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
      server: watch?.read(),
    };
  } finally {
    watch?.close();
    options.signal?.removeEventListener("abort", stop);
    for (const child of children) if (child.connected) child.disconnect();
  }
}

function tell(child: ChildProcess, message: ToLoad): void {
  if (child.connected) child.send(withoutInfinity(message));
}

/** JSON has no infinity, and the processes speak JSON. */
function withoutInfinity(message: ToLoad): ToLoad {
  if (message === "stop") return message;
  const { countMax, seconds } = message.plan;
  const finite = (value: number): number => Math.min(value, Number.MAX_SAFE_INTEGER);
  return {
    ...message,
    plan: { ...message.plan, countMax: finite(countMax), seconds: finite(seconds) },
  };
}

function outcomeOf(
  child: ChildProcess,
  onProgress: (message: Omit<LoadProgress, "seconds"> & { seconds: number }) => void,
): Promise<Done> {
  return new Promise((done, fail) => {
    child.on("message", (message: FromLoad) => {
      if (message.kind === "done") done(message);
      else onProgress({ ...message, seconds: 0 });
    });
    child.once("error", fail);
    child.once("exit", (code, signal) => {
      fail(new Error(`a process of the load ended: ${code ?? signal}`));
    });
  });
}
