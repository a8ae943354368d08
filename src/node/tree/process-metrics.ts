import type { Metrics } from "../../admin/metrics.ts";

/** What Node knows of this process. */
export function sampleProcess(metrics: Metrics): void {
  const gauge = (name: string, help: string, read: () => number): void =>
    metrics.sampled("gauge", `holdfast_process_${name}`, help, read);
  gauge("resident_bytes", "Memory in use, mapped pages of the index included.", () =>
    process.memoryUsage.rss(),
  );
  gauge("heap_bytes", "JavaScript heap in use.", () => process.memoryUsage().heapUsed);
  gauge("uptime_seconds", "Since this process began.", () => process.uptime());
  metrics.sampled("counter", "holdfast_process_cpu_seconds_total", "Processor time.", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
}
