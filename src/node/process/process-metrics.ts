import type { HistogramSeries, Metrics, Sample } from "../../admin/metrics.ts";
import type { HttpServerStatistics } from "../http/http-server.ts";
import { readPrivateBytes } from "../platform/process-table.ts";

/** Metrics that Node keeps about this process. */
export function sampleProcess(metrics: Metrics): void {
  const gauge = (name: string, help: string, read: () => readonly Sample[] | number): void =>
    metrics.sampled("gauge", `holdfast_process_${name}`, help, read);
  gauge("resident_bytes", "Resident memory, including mapped pages of the index.", () =>
    process.memoryUsage.rss(),
  );
  gauge("private_bytes", "Memory that this process does not share (Linux only).", privateBytes);
  gauge("heap_bytes", "JavaScript heap in use.", () => process.memoryUsage().heapUsed);
  gauge("uptime_seconds", "Time since this process started.", () => process.uptime());
  metrics.sampled("counter", "holdfast_process_cpu_seconds_total", "Processor time used.", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  const delay = metrics.histogram(
    "holdfast_process_event_loop_delay_seconds",
    "Delay of the event loop, measured by a timer ten times a second.",
    delayBounds,
  );
  watchEventLoop(delay.at());
}

/** None where the system does not tell. */
function privateBytes(): readonly Sample[] {
  const bytes = readPrivateBytes("self");
  return bytes === undefined ? [] : [[[], bytes]];
}

/** Metrics of a front end's connections. */
export function sampleHttp(metrics: Metrics, read: () => HttpServerStatistics): void {
  const gauge = (
    name: string,
    help: string,
    field: Exclude<keyof HttpServerStatistics, "refused">,
  ): void => metrics.sampled("gauge", `holdfast_http_${name}`, help, () => read()[field]);
  gauge("connections", "Open connections.", "connections");
  gauge("requests", "Requests under way, including those of health and metrics.", "requests");
  gauge("waiting_for_peers", "Bodies and answers that wait for their client.", "waitingForPeers");
  metrics.sampled(
    "counter",
    "holdfast_http_refused_total",
    "SlowDown answers before a request was read: too many connections, or too many requests under way.",
    () => Object.entries(read().refused).map(([reason, count]) => [[reason], count]),
    ["reason"],
  );
}

/** @limit Time between looks: ten wake-ups a second cost nothing that shows. */
const everyMs = 100;

/** Seconds. A request waits as long each time it comes back from the disk or the network. */
export const delayBounds: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Measures, as long as the process lives, how late the event loop comes to a timer that is due. */
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
