import type { Clock } from "../../platform/platform.ts";

/** @limit setTimeout takes no more (2^31 - 1 ms, 24 days) and would fire at once. */
const timerMsMax = 2 ** 31 - 1;

/** The machine's time. */
export function createClock(): Clock {
  return {
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    turn: () => new Promise((resolve) => void setImmediate(resolve)),
    async sleep(ms, signal) {
      for (let rest = ms; rest > 0 && signal?.aborted !== true; rest -= timerMsMax) {
        await oneTimer(Math.min(rest, timerMsMax), signal);
      }
    },
  };
}

function oneTimer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end, { once: true });
  });
}
