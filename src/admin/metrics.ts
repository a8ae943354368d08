import { assert, must } from "../base/assert.ts";

/*
 * The metrics of one process. A family is one name with one set of labels; label values come from
 * closed sets (operations, states), and a family stops at a bound, so that metrics cannot grow with
 * what clients send (C6).
 *
 * Each process keeps its own, and a scrape asks all of them: the series of one process carry its
 * name as a label and are never summed here, because a sum drops when a process is restarted, which
 * a monitoring system would read as a wrapped counter.
 */

/**
 * @limit Series of one family in one process: 120 operations x 100 codes of errors, and some more.
 */
const seriesMax = 16_384;

export type MetricKind = "counter" | "gauge" | "histogram";

/** One family as it travels between processes and is written out. */
export interface MetricFamily {
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds, ascending, of a histogram's buckets. */
  readonly bounds?: readonly number[] | undefined;
  readonly series: readonly MetricSeries[];
}

export interface MetricSeries {
  /** Values of the labels, in the order of the family's labels. */
  readonly labels: readonly string[];
  /**
   * Counter or gauge: one. Histogram: observations at or below each bound (not added up), above
   * all, and their sum.
   */
  readonly values: readonly number[];
}

export type Sample = readonly [labels: readonly string[], value: number];

interface Family extends Omit<MetricFamily, "series"> {
  readonly read: () => readonly MetricSeries[];
}

export class Metrics {
  readonly #families = new Map<string, Family>();

  /** A count that only grows. */
  counter(name: string, help: string, labels: readonly string[] = []): Counter {
    const table = new SeriesTable(labels.length, 1);
    this.#add({ name, kind: "counter", help, labels, read: () => table.read() });
    return new Counter(table);
  }

  histogram(
    name: string,
    help: string,
    bounds: readonly number[],
    labels: readonly string[] = [],
  ): Histogram {
    const table = new SeriesTable(labels.length, bounds.length + 2);
    this.#add({ name, kind: "histogram", help, labels, bounds, read: () => table.read() });
    return new Histogram(table, bounds);
  }

  /** Values that somebody else keeps, read when a scrape asks. */
  sampled(
    kind: "counter" | "gauge",
    name: string,
    help: string,
    read: () => readonly Sample[] | number,
    labels: readonly string[] = [],
  ): void {
    const series = (): readonly MetricSeries[] => {
      const samples = read();
      if (typeof samples === "number") return [{ labels: [], values: [samples] }];
      return samples.map(([values, value]) => ({ labels: values, values: [value] }));
    };
    this.#add({ name, kind, help, labels, read: series });
  }

  /** The same for a histogram, whose series come with the values that `MetricSeries` has. */
  sampledHistogram(
    name: string,
    help: string,
    bounds: readonly number[],
    read: () => readonly MetricSeries[],
    labels: readonly string[] = [],
  ): void {
    this.#add({ name, kind: "histogram", help, labels, bounds, read });
  }

  read(): MetricFamily[] {
    return [...this.#families.values()].map(({ read, ...family }) => ({
      ...family,
      series: read(),
    }));
  }

  #add(family: Family): void {
    assert(/^[a-z][a-z0-9_]*$/.test(family.name), `"${family.name}" is no name of a metric`);
    assert(!this.#families.has(family.name), `metric ${family.name} is there already`);
    this.#families.set(family.name, family);
  }
}

export class Counter {
  readonly #table: SeriesTable;

  constructor(table: SeriesTable) {
    this.#table = table;
  }

  /** The series of these labels; who counts often keeps it. */
  at(...labels: readonly string[]): CounterSeries {
    return new CounterSeries(this.#table.of(labels));
  }
}

export class CounterSeries {
  readonly #values: number[];

  constructor(values: number[]) {
    this.#values = values;
  }

  add(amount: number): void {
    this.#values[0] = this.#values[0]! + amount;
  }
}

export class Histogram {
  readonly #table: SeriesTable;
  readonly #bounds: readonly number[];

  constructor(table: SeriesTable, bounds: readonly number[]) {
    this.#table = table;
    this.#bounds = bounds;
  }

  at(...labels: readonly string[]): HistogramSeries {
    return new HistogramSeries(this.#table.of(labels), this.#bounds);
  }
}

export class HistogramSeries {
  readonly #values: number[];
  readonly #bounds: readonly number[];

  constructor(values: number[], bounds: readonly number[]) {
    this.#values = values;
    this.#bounds = bounds;
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    this.#values[bucket] = this.#values[bucket]! + 1;
    this.#values[bounds.length + 1] = this.#values[bounds.length + 1]! + value;
  }
}

class SeriesTable {
  readonly #labelCount: number;
  readonly #width: number;
  readonly #series = new Map<string, { labels: readonly string[]; values: number[] }>();

  constructor(labelCount: number, width: number) {
    this.#labelCount = labelCount;
    this.#width = width;
  }

  of(labels: readonly string[]): number[] {
    assert(labels.length === this.#labelCount, "a metric was given other labels than it has");
    const key = labels.length === 1 ? labels[0]! : labels.join("\n");
    let series = this.#series.get(key);
    if (series === undefined) {
      assert(this.#series.size < seriesMax, "a metric's labels come from an open set");
      series = { labels, values: Array.from({ length: this.#width }, () => 0) };
      this.#series.set(key, series);
    }
    return series.values;
  }

  read(): readonly MetricSeries[] {
    return [...this.#series.values()].map(({ labels, values }) => ({
      labels,
      values: [...values],
    }));
  }
}

/**
 * The metrics of one process, under the name it keeps across restarts (front-end-1, background).
 */
export interface ProcessMetrics {
  readonly process: string;
  readonly families: readonly MetricFamily[];
}

export const prometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

/**
 * The reports of several processes in Prometheus' text format, 0.0.4; series of a family stand
 * together.
 */
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
