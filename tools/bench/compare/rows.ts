import { median, type OperationFigures } from "../report/figures.ts";
import type { Load } from "./loads.ts";
import type { Sample } from "./sample.ts";
import type { Store } from "./stores.ts";

/** All rounds of one load; the samples of one round were taken one after the other. */
export interface LoadSamples {
  readonly load: Pick<Load, "name" | "group" | "unit" | "mix">;
  readonly stores: readonly {
    readonly store: Pick<Store, "name" | "kind">;
    readonly samples: readonly Sample[];
  }[];
}

/** A line of the table: medians of the rounds. */
export interface Row {
  readonly load: string;
  /** One operation of a mixture, or all. */
  readonly part: string;
  readonly unit: "/s" | "MB/s";
  readonly store: string;
  readonly kind: Store["kind"];
  /** Undefined where nothing was done. */
  readonly rate: number | undefined;
  /**
   * Our rate to that of this store, the median of the rounds' ratios; undefined for ours itself.
   */
  readonly ours: number | undefined;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  /** Processor time of the server's processes: microseconds an operation, or seconds a gigabyte. */
  readonly cpu: number | undefined;
  /** That to the bare server's. */
  readonly cpuToBare: number | undefined;
  readonly privateBytes: number | undefined;
  readonly failed: number;
  /** The largest busy share of the load's processes. */
  readonly busy: number;
}

type StoreSamples = LoadSamples["stores"][number];

/** A store that nobody asks anything. */
export function atRest(store: Pick<Store, "name" | "kind">, privateBytes: number | undefined): Row {
  const nothing = { rate: undefined, ours: undefined, p50Ms: undefined, p99Ms: undefined };
  const idle = { ...nothing, cpu: undefined, cpuToBare: undefined, failed: 0, busy: 0 };
  const { name, kind } = store;
  return { load: "at rest", part: "", unit: "/s", store: name, kind, ...idle, privateBytes };
}

export function rowsOf({ load, stores }: LoadSamples): readonly Row[] {
  const parts = load.mix.length === 1 ? [""] : ["all", ...load.mix.map(([name]) => name)];
  return parts.flatMap((part) => stores.map((each) => rowOf(load, part, each, stores)));
}

function rowOf(
  load: LoadSamples["load"],
  part: string,
  { store, samples }: StoreSamples,
  stores: readonly StoreSamples[],
): Row {
  const isOne = part !== "" && part !== "all";
  const figures = samples.map((sample) => figuresIn(sample, isOne ? part : undefined));
  const ours = stores.find(({ store: { kind } }) => kind === "ours")?.samples ?? [];
  const bare = stores.find(({ store: { kind } }) => kind === "bare")?.samples ?? [];
  const rateIn = (sample: Sample): number =>
    rateOf(load.unit, figuresIn(sample, isOne ? part : undefined));
  const cpuIn = (sample: Sample): number | undefined =>
    isOne ? undefined : cpuOf(load.unit, sample);
  const ratios = ratiosOf(ours.map(rateIn), samples.map(rateIn));
  return {
    load: load.name,
    part,
    unit: load.unit,
    store: store.name,
    kind: store.kind,
    rate: median(figures.map((each) => rateOf(load.unit, each))),
    ours: store.kind === "ours" ? undefined : medianOr(ratios),
    p50Ms: median(figures.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(figures.map(({ p99Ms }) => p99Ms)),
    cpu: medianOr(samples.map(cpuIn)),
    cpuToBare:
      store.kind === "bare" ? undefined : medianOr(ratiosOf(samples.map(cpuIn), bare.map(cpuIn))),
    privateBytes: isOne ? undefined : medianOr(samples.map(({ privateBytes }) => privateBytes)),
    failed: samples.reduce((sum, { failed }) => sum + failed, 0),
    busy: Math.max(...samples.map(({ busy }) => busy)),
  };
}

interface PartFigures {
  readonly perSecond: number;
  readonly megabytesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** The figures of one operation, or of all together: then of the one that was done most. */
function figuresIn(sample: Sample, operation: string | undefined): PartFigures {
  const { operations, perSecond, megabytesPerSecond } = sample;
  const chosen: OperationFigures | undefined =
    operation === undefined
      ? operations.toSorted((a, b) => b.succeeded - a.succeeded)[0]
      : operations.find((each) => each.operation === operation);
  const { p50: p50Ms = 0, p99: p99Ms = 0 } = chosen?.latencyMs ?? {};
  if (operation === undefined) return { perSecond, megabytesPerSecond, p50Ms, p99Ms };
  const rates = { perSecond: 0, megabytesPerSecond: 0, ...chosen };
  return { ...rates, p50Ms, p99Ms };
}

function rateOf(unit: Row["unit"], figures: PartFigures): number {
  return unit === "/s" ? figures.perSecond : figures.megabytesPerSecond;
}

function cpuOf(unit: Row["unit"], sample: Sample): number | undefined {
  const { cpuSeconds, succeeded, bytes } = sample;
  if (cpuSeconds === undefined || succeeded === 0) return undefined;
  return unit === "/s" ? (cpuSeconds / succeeded) * 1e6 : cpuSeconds / (bytes / 1e9);
}

/** Round by round, where both are there. */
function ratiosOf(
  ones: readonly (number | undefined)[],
  others: readonly (number | undefined)[],
): number[] {
  return ones.flatMap((one, round) => {
    const other = others[round];
    return one === undefined || other === undefined || other === 0 ? [] : [one / other];
  });
}

function medianOr(numbers: readonly (number | undefined)[]): number | undefined {
  const there = numbers.filter((each) => each !== undefined);
  return there.length === 0 ? undefined : median(there);
}
