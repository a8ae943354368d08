import type { CounterSeries, HistogramSeries, Metrics, Sample } from "../admin/metrics.ts";
import { type Phase, phaseNames } from "../object/request-phases.ts";
import { storeErrorCodes } from "../s3/errors.ts";
import type { ObservedRequest } from "../s3/observed-request.ts";

/** Seconds: a GET from memory takes 0.2 ms; past 60 s a request waits for its client. */
const latencyBounds = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/** Operation of a request that asks for nothing S3 has. */
export const noOperation = "none";

/** The series of one operation: looked up once, so that a request costs additions only. */
interface OperationSeries {
  readonly byStatus: Map<number, CounterSeries>;
  readonly byCode: Map<string, CounterSeries>;
  readonly bytesIn: CounterSeries;
  readonly bytesOut: CounterSeries;
  readonly duration: HistogramSeries;
  readonly firstByte: HistogramSeries;
  readonly phases: readonly (readonly [Phase, CounterSeries])[];
}

/** Requests by operation: 0.25 µs of processor for each. */
export class RequestMetrics {
  readonly #families: ReturnType<typeof declare>;
  readonly #operations = new Map<string, OperationSeries>();
  readonly #underWay = new Set<ObservedRequest>();
  #slowDowns = 0;

  constructor(metrics: Metrics) {
    this.#families = declare(metrics);
    metrics.sampled(
      "gauge",
      "holdfast_requests_under_way",
      "S3 requests under way, by operation.",
      () => this.#underWayByOperation(),
      ["operation"],
    );
  }

  /** Requests that have begun and not ended. */
  get underWay(): ReadonlySet<ObservedRequest> {
    return this.#underWay;
  }

  /** Answers of SlowDown since the start. */
  get slowDowns(): number {
    return this.#slowDowns;
  }

  began(request: ObservedRequest): void {
    this.#underWay.add(request);
  }

  ended(request: ObservedRequest): void {
    this.#underWay.delete(request);
    const { status = 0, code, phases, firstByteMs = 0 } = request;
    const operation = request.operation ?? noOperation;
    const series = this.#operations.get(operation) ?? this.#open(operation);
    this.#at(series.byStatus, status, () =>
      this.#families.requests.at(operation, String(status)),
    ).add(1);
    if (code !== undefined) {
      this.#at(series.byCode, code, () => this.#families.errors.at(operation, code)).add(1);
      if (code === storeErrorCodes.overloaded.code) this.#slowDowns++;
    }
    series.bytesIn.add(request.bytesIn);
    series.bytesOut.add(request.bytesOut);
    series.duration.observe(phases.changedMs / 1000);
    series.firstByte.observe(firstByteMs / 1000);
    const spentMs = phases.spentMs();
    for (const [phase, counter] of series.phases) {
      if (spentMs[phase] > 0) counter.add(spentMs[phase] / 1000);
    }
  }

  #at<K>(known: Map<K, CounterSeries>, key: K, open: () => CounterSeries): CounterSeries {
    const found = known.get(key);
    if (found !== undefined) return found;
    const opened = open();
    known.set(key, opened);
    return opened;
  }

  #open(operation: string): OperationSeries {
    const { bytes, duration, firstByte, phases } = this.#families;
    const opened = {
      byStatus: new Map(),
      byCode: new Map(),
      bytesIn: bytes.at(operation, "in"),
      bytesOut: bytes.at(operation, "out"),
      duration: duration.at(operation),
      firstByte: firstByte.at(operation),
      phases: phaseNames.map((phase) => [phase, phases.at(operation, phase)] as const),
    };
    this.#operations.set(operation, opened);
    return opened;
  }

  #underWayByOperation(): readonly Sample[] {
    const counts = new Map([...this.#operations.keys()].map((operation) => [operation, 0]));
    for (const { operation = noOperation } of this.#underWay) {
      counts.set(operation, (counts.get(operation) ?? 0) + 1);
    }
    return [...counts].map(([operation, count]) => [[operation], count]);
  }
}

function declare(metrics: Metrics) {
  return {
    requests: metrics.counter(
      "holdfast_requests_total",
      "S3 requests answered, by operation and status.",
      ["operation", "status"],
    ),
    errors: metrics.counter(
      "holdfast_request_errors_total",
      "S3 requests that ended in an error, by S3's error code, including errors after the answer had begun.",
      ["operation", "code"],
    ),
    bytes: metrics.counter(
      "holdfast_request_bytes_total",
      "Bytes of bodies, received (in) and sent (out).",
      ["operation", "direction"],
    ),
    duration: metrics.histogram(
      "holdfast_request_duration_seconds",
      "Time from a request's headers to the end of its answer.",
      latencyBounds,
      ["operation"],
    ),
    firstByte: metrics.histogram(
      "holdfast_request_first_byte_seconds",
      "Time from a request's headers to the first byte of its answer.",
      latencyBounds,
      ["operation"],
    ),
    phases: metrics.counter(
      "holdfast_request_phase_seconds_total",
      "Time that requests spent in each phase.",
      ["operation", "phase"],
    ),
  };
}
