import { must } from "../base/assert.ts";
import type { MetricFamily, MetricSeries } from "./metrics.ts";

/** What one process reported, under the name it keeps across restarts (front-end-1, background). */
export interface ProcessMetrics {
  readonly process: string;
  readonly families: readonly MetricFamily[];
}

export const prometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

/** The reports of several processes in Prometheus' text format, 0.0.4; series of a family stand together. */
export function prometheusText(reports: readonly ProcessMetrics[]): string {
  const byName = new Map<string, { process: string; family: MetricFamily }[]>();
  for (const { process, families } of reports) {
    for (const family of families) {
      const list = byName.get(family.name) ?? [];
      list.push({ process, family });
      byName.set(family.name, list);
    }
  }
  const lines: string[] = [];
  for (const [name, members] of byName) {
    const { help, kind } = must(members[0], "a family without members").family;
    lines.push(`# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`);
    lines.push(`# TYPE ${name} ${kind}`);
    for (const { process, family } of members) {
      for (const series of family.series) writeSeries(lines, process, family, series);
    }
  }
  return `${lines.join("\n")}\n`;
}

function writeSeries(
  lines: string[],
  process: string,
  family: MetricFamily,
  series: MetricSeries,
): void {
  const labels = [`process=${quote(process)}`];
  for (const [i, label] of family.labels.entries()) {
    labels.push(`${label}=${quote(series.labels[i] ?? "")}`);
  }
  const at = (suffix: string, more: readonly string[], value: number): void => {
    lines.push(`${family.name}${suffix}{${[...labels, ...more].join(",")}} ${value}`);
  };
  if (family.bounds === undefined) {
    at("", [], series.values[0] ?? 0);
    return;
  }
  let count = 0;
  for (const [i, bound] of family.bounds.entries()) {
    count += series.values[i] ?? 0;
    at("_bucket", [`le="${bound}"`], count);
  }
  count += series.values[family.bounds.length] ?? 0;
  at("_bucket", ['le="+Inf"'], count);
  at("_sum", [], series.values[family.bounds.length + 1] ?? 0);
  at("_count", [], count);
}

function quote(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}
