import { isStoreError, messageOf } from "../base/errors.ts";
import { isDiskError } from "../platform/disk.ts";
import type { Platform, Service } from "../platform/platform.ts";
import type { TransferPayer } from "./transfer-budget.ts";

/**
 * `busy`: there is more to do. `idle`: nothing for now. `throttled`: there is, but it must wait.
 * `paused`: an operator wants it to rest.
 */
export type StepOutcome = "busy" | "idle" | "throttled" | "paused";

/**
 * One kind of background work, a bounded step at a time. A step that throws is tried again later.
 */
export interface Task {
  readonly name: string;
  /** True while its next step is for data that one more loss would take. */
  readonly isUrgent?: boolean | undefined;
  step(signal: AbortSignal): Promise<StepOutcome>;
}

/** The same task, with another step. */
export function withStep(task: Task, step: Task["step"]): Task {
  return {
    name: task.name,
    get isUrgent() {
      return task.isUrgent;
    },
    step,
  };
}

export interface TaskStatistics {
  readonly name: string;
  readonly state: StepOutcome | "failing" | "stopped";
  readonly steps: number;
  readonly failures: number;
  /** The failure of the last step, if it failed. */
  readonly failure: string | undefined;
}

export interface TaskPace {
  /** Time after a step that found nothing to do, or had to wait. */
  readonly idleMs: number;
  /** Rest after a busy step, in parts of the time it took: 1 works half of the time. */
  readonly restShare: number;
  /** Each step waits for its turn there, and pays for what it moves. */
  readonly payer?: TransferPayer | undefined;
}

export interface TaskLoop extends Service {
  statistics(): TaskStatistics;
}

/** @limit Pause after the first failed step; it doubles with each further one. */
const failurePauseMs = 1000;
/** @limit The longest pause after a failed step. */
const failurePauseMsMax = 60_000;

/** The one shape of all background work: step, look at what came out, wait. */
export function createTaskLoop(
  platform: Platform,
  task: Task,
  { idleMs, restShare, payer }: TaskPace,
): TaskLoop {
  const { clock } = platform;
  let state: TaskStatistics["state"] = "stopped";
  let steps = 0;
  let failures = 0;
  let failure: string | undefined;
  let failurePause = failurePauseMs;

  /** False where the signal aborts first. */
  async function waitForTurn(signal: AbortSignal): Promise<boolean> {
    const begin = (): number => payer?.begin(task.isUrgent) ?? 0;
    for (let waitMs = begin(); waitMs > 0; waitMs = begin()) {
      state = "throttled";
      await clock.sleep(waitMs, signal);
      if (!signal.aborted) continue;
      payer?.leave();
      return false;
    }
    return true;
  }

  async function stepOnce(signal: AbortSignal): Promise<number> {
    if (!(await waitForTurn(signal))) return 0;
    const begunMs = clock.monotonicMs();
    steps++;
    try {
      state = await task.step(signal);
    } catch (thrown) {
      if (signal.aborted && thrown === signal.reason) return 0;
      state = "failing";
      failures++;
      failure = messageOf(thrown);
      if (!isTransient(thrown)) throw thrown;
      platform.log("error", "background_step_failed", { task: task.name, message: failure });
      const pauseMs = failurePause;
      failurePause = Math.min(2 * failurePause, failurePauseMsMax);
      return pauseMs;
    } finally {
      payer?.end();
    }
    failure = undefined;
    failurePause = failurePauseMs;
    return state === "busy" ? restShare * (clock.monotonicMs() - begunMs) : idleMs;
  }

  return {
    name: task.name,
    async run(signal) {
      while (!signal.aborted) await clock.sleep(await stepOnce(signal), signal);
      state = "stopped";
    },
    statistics: () => ({ name: task.name, state, steps, failures, failure }),
  };
}

/** True if the next try may succeed: not at the end of our session, and not for a bug. */
export function isTransient(thrown: unknown): boolean {
  return isDiskError(thrown) || (isStoreError(thrown) && thrown.code !== "fenced");
}

/** What the work gives; undefined where it failed, and the next try may succeed. */
export async function unlessTransient<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (thrown) {
    if (!isTransient(thrown)) throw thrown;
    return undefined;
  }
}
