import type { LatencyHistogram } from "../load/latency-histogram.ts";
import type { LoadResult } from "../load/run-load.ts";

export interface Latency {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export interface OperationFigures {
  readonly operation: string;
  readonly succeeded: number;
  readonly verified: number;
  readonly perSecond: number;
  /** Millions of bytes of bodies. */
  readonly megabytesPerSecond: number;
  readonly latencyMs: Latency;
  readonly firstByteMs: Latency;
  readonly errors: Readonly<Record<string, number>>;
}

/** The results of a run, in the form that --json prints. */
export interface Figures {
  readonly seconds: number;
  readonly operations: readonly OperationFigures[];
  readonly failed: number;
  readonly load: {
    readonly processes: number;
    readonly cpuSeconds: number;
    /** The busy share of one core for each process; near 1 the load itself was the limit. */
    readonly busy: number;
  };
  readonly server: LoadResult["server"];
}

export function figuresOf(result: LoadResult, processes: number): Figures {
  const { tally, seconds, loadCpuSeconds, server } = result;
  const operations = [...tally.operations]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([operation, { latency, firstByte, bytes, verified, errors }]) => ({
      operation,
      succeeded: latency.count,
      verified,
      perSecond: latency.count / seconds,
      megabytesPerSecond: bytes / 1e6 / seconds,
      latencyMs: latencyOf(latency),
      firstByteMs: latencyOf(firstByte),
      errors: Object.fromEntries(errors),
    }));
  const busy = loadCpuSeconds / processes / seconds;
  const load = { processes, cpuSeconds: loadCpuSeconds, busy };
  return { seconds, operations, failed: tally.failed, load, server };
}

function latencyOf(histogram: LatencyHistogram): Latency {
  const [p50, p99, p999] = [0.5, 0.99, 0.999].map((share) => histogram.quantileMs(share));
  const { meanMs: mean, maxMs: max } = histogram;
  return { mean, p50: p50 ?? 0, p99: p99 ?? 0, p999: p999 ?? 0, max };
}

/** The middle one; of an even number, the upper of the two in the middle. */
export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}
