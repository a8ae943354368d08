/** One sample of a metrics page. */
export interface Figure {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
  /** Name and labels, as they stand there. */
  readonly series: string;
}

/** The samples of a page in Prometheus' text format, as Holdfast writes it. */
export function readFigures(text: string): Figure[] {
  const figures: Figure[] = [];
  for (const line of text.split("\n")) {
    const match = /^(([a-z0-9_]+)\{(.*)\}) (\S+)$/.exec(line);
    if (match === null) continue;
    const [, series = "", name = "", labelText = "", value] = match;
    const labels = new Map<string, string>();
    for (const [, label = "", quoted = ""] of labelText.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      labels.set(label, quoted);
    }
    figures.push({ name, labels, value: Number(value), series });
  }
  return figures;
}

/** Sums of the values of a name, by what a label says. */
export function sumsBy(
  figures: readonly Figure[],
  name: string,
  label: string,
): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const figure of figures) {
    if (figure.name !== name) continue;
    const key = figure.labels.get(label) ?? "";
    sums.set(key, (sums.get(key) ?? 0) + figure.value);
  }
  return sums;
}

/** The sum over all series of a name; undefined where there is none. */
export function sumOf(figures: readonly Figure[], name: string): number | undefined {
  const values = figures.filter((figure) => figure.name === name).map(({ value }) => value);
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value);
}

/**
 * The increase between two pages of metrics. A counter that fell belongs to a process that started
 * since.
 */
export function increases(before: readonly Figure[], after: readonly Figure[]): Figure[] {
  const known = new Map(before.map(({ series, value }) => [series, value]));
  return after.map((figure) => {
    const was = known.get(figure.series) ?? 0;
    return { ...figure, value: figure.value >= was ? figure.value - was : figure.value };
  });
}

/**
 * Quantiles of a histogram, by what a label says: below them is that share of what was observed, as
 * far as its buckets tell. Those without observations are left out.
 */
export function quantilesBy(
  figures: readonly Figure[],
  name: string,
  label: string,
  shares: readonly number[],
): ReadonlyMap<string, readonly number[]> {
  const buckets = new Map<string, Map<number, number>>();
  for (const { name: its, labels, value } of figures) {
    if (its !== `${name}_bucket`) continue;
    const bound = Number((labels.get("le") ?? "").replace("+Inf", "Infinity"));
    const key = labels.get(label) ?? "";
    const counts = buckets.get(key) ?? new Map<number, number>();
    buckets.set(key, counts.set(bound, (counts.get(bound) ?? 0) + value));
  }
  const quantiles = new Map<string, readonly number[]>();
  for (const [key, counts] of buckets) {
    const ascending = [...counts].toSorted(([one], [other]) => one - other);
    if ((ascending.at(-1)?.[1] ?? 0) === 0) continue;
    quantiles.set(
      key,
      shares.map((share) => quantileIn(ascending, share)),
    );
  }
  return quantiles;
}

/** Within its bucket, observations are taken to lie evenly; above the last bound, at it. */
function quantileIn(ascending: readonly (readonly [number, number])[], share: number): number {
  const wanted = share * (ascending.at(-1)?.[1] ?? 0);
  let [lower, below] = [0, 0];
  for (const [bound, count] of ascending) {
    if (bound === Number.POSITIVE_INFINITY) break;
    if (count >= wanted && count > below) {
      return lower + ((bound - lower) * (wanted - below)) / (count - below);
    }
    [lower, below] = [bound, count];
  }
  return lower;
}
