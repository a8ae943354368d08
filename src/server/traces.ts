import { matches, type RequestFilter, type RequestRecord } from "../admin/request-record.ts";
import type { TraceBatch } from "../admin/trace-page.ts";
import type { Clock } from "../platform/platform.ts";

/**
 * @limit Records of one trace that wait to be fetched: half a megabyte. A request that ends while
 * there are so many is only counted.
 */
export const recordsHeldMax = 500;
/** @limit Traces at a time. */
export const tracesMax = 8;
/**
 * @limit A trace that nobody fetches from is over: its client has gone, or reads slower than
 * answers are sent.
 */
export const unfetchedTraceMsMax = 90_000;

interface Trace {
  readonly filter: RequestFilter;
  records: RequestRecord[];
  lost: number;
  fetchedMs: number;
}

/**
 * The traces of this process. A trace begins when it is first fetched from and ends when it no
 * longer is, so that processes that come, go and forget need no other word of each other. Memory is
 * bounded whatever the fetchers do: requests never wait for them. Where nobody traces, nothing is
 * recorded.
 */
export class Traces {
  readonly #clock: Clock;
  readonly #traces = new Map<string, Trace>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isTracing(): boolean {
    return this.#traces.size > 0;
  }

  ended(record: RequestRecord): void {
    const now = this.#clock.monotonicMs();
    for (const [id, trace] of this.#traces) {
      if (now - trace.fetchedMs > unfetchedTraceMsMax) this.#traces.delete(id);
      else if (!matches(trace.filter, record)) continue;
      else if (trace.records.length < recordsHeldMax) trace.records.push(record);
      else trace.lost++;
    }
  }

  /** The requests that ended since the last fetch; undefined where there are too many traces. */
  fetch(id: string, filter: RequestFilter): TraceBatch | undefined {
    const fetchedMs = this.#clock.monotonicMs();
    const trace = this.#traces.get(id);
    if (trace === undefined) {
      this.#forgetOld(fetchedMs);
      if (this.#traces.size >= tracesMax) return undefined;
      this.#traces.set(id, { filter, records: [], lost: 0, fetchedMs });
      return { records: [], lost: 0 };
    }
    const { records, lost } = trace;
    Object.assign(trace, { records: [], lost: 0, fetchedMs });
    return { records, lost };
  }

  end(id: string): void {
    this.#traces.delete(id);
  }

  #forgetOld(now: number): void {
    for (const [id, { fetchedMs }] of this.#traces) {
      if (now - fetchedMs > unfetchedTraceMsMax) this.#traces.delete(id);
    }
  }
}
