import { LatencyHistogram, type HistogramData } from "./latency-histogram.ts";
import { Series, type SeriesData } from "./series.ts";

/** One operation that has ended, well or not. */
export interface Outcome {
  readonly operation: string;
  /** Bytes of bodies, in either direction. */
  readonly bytes: number;
  readonly firstByteMs: number;
  /** S3's code, or the system's where there was no answer. */
  readonly error: string | undefined;
  /** True if the bytes read were compared. */
  readonly verified: boolean;
}

export interface OperationData {
  readonly operation: string;
  readonly bytes: number;
  readonly verified: number;
  readonly latency: HistogramData;
  readonly firstByte: HistogramData;
  readonly errors: readonly (readonly [code: string, count: number])[];
}

export interface TallyData {
  readonly operations: readonly OperationData[];
  readonly series: SeriesData;
}

export interface OperationTally {
  bytes: number;
  verified: number;
  /** Latencies of successful requests. */
  readonly latency: LatencyHistogram;
  readonly firstByte: LatencyHistogram;
  readonly errors: Map<string, number>;
}

/** A server that makes up codes must not fill our memory. */
const codesMax = 100;

/** The observations of a run of the load. Tallies of several processes add up. */
export class LoadTally {
  readonly operations = new Map<string, OperationTally>();
  readonly series = new Series();
  succeeded = 0;
  failed = 0;
  bytes = 0;

  record(outcome: Outcome, atSeconds: number, ms: number): void {
    const { bytes, firstByteMs, error, verified } = outcome;
    const tally = this.#of(outcome.operation);
    if (error !== undefined) {
      this.failed++;
      countError(tally.errors, error, 1);
      return;
    }
    this.succeeded++;
    this.bytes += bytes;
    tally.bytes += bytes;
    if (verified) tally.verified++;
    tally.latency.record(ms);
    tally.firstByte.record(firstByteMs);
    this.series.record(atSeconds, ms);
  }

  add(data: TallyData): void {
    for (const { operation, bytes, verified, latency, firstByte, errors } of data.operations) {
      const tally = this.#of(operation);
      const before = tally.latency.count;
      tally.latency.add(latency);
      tally.firstByte.add(firstByte);
      tally.bytes += bytes;
      tally.verified += verified;
      this.succeeded += tally.latency.count - before;
      this.bytes += bytes;
      for (const [code, count] of errors) {
        countError(tally.errors, code, count);
        this.failed += count;
      }
    }
    this.series.add(data.series);
  }

  data(): TallyData {
    const operations = [...this.operations].map(([operation, tally]) => ({
      operation,
      bytes: tally.bytes,
      verified: tally.verified,
      latency: tally.latency.data(),
      firstByte: tally.firstByte.data(),
      errors: [...tally.errors],
    }));
    return { operations, series: this.series.data() };
  }

  #of(operation: string): OperationTally {
    let tally = this.operations.get(operation);
    if (tally === undefined) {
      const [latency, firstByte] = [new LatencyHistogram(), new LatencyHistogram()];
      tally = { bytes: 0, verified: 0, latency, firstByte, errors: new Map() };
      this.operations.set(operation, tally);
    }
    return tally;
  }
}

function countError(errors: Map<string, number>, code: string, count: number): void {
  const name = errors.has(code) || errors.size < codesMax ? code : "other";
  errors.set(name, (errors.get(name) ?? 0) + count);
}
