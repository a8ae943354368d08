import type { HistogramSeries } from "../../admin/metrics.ts";

/** @limit Between looks: ten wake-ups a second cost nothing that shows. */
const everyMs = 100;

/** In seconds. A request waits as long each time it comes back from the disk or the network. */
export const delayBounds: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** For as long as the process lives: how late the event loop comes to a timer that is due. */
export function watchEventLoop(delay: HistogramSeries): void {
  let dueMs = performance.now() + everyMs;
  const look = (): void => {
    const now = performance.now();
    delay.observe(Math.max(0, now - dueMs) / 1000);
    dueMs = now + everyMs;
    setTimeout(look, everyMs).unref();
  };
  setTimeout(look, everyMs).unref();
}
