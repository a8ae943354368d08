import { matches, type RequestFilter, type RequestEntry } from "../admin/request-entry.ts";
import type { TraceBatch } from "../admin/trace-page.ts";
import type { Clock } from "../platform/platform.ts";

/**
 * @limit Entries of one trace that wait to be fetched: half a megabyte. A request that ends while
 * there are so many is only counted.
 */
export const entriesHeldMax = 500;
/** @limit Traces at a time. */
export const tracesMax = 8;
/**
 * @limit A trace that nobody fetches from is over: its client has gone, or reads slower than
 * answers are sent.
 */
export const unfetchedTraceMsMax = 90_000;

interface Trace {
  readonly filter: RequestFilter;
  entries: RequestEntry[];
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

  ended(entry: RequestEntry): void {
    const now = this.#clock.monotonicMs();
    for (const [id, trace] of this.#traces) {
      if (now - trace.fetchedMs > unfetchedTraceMsMax) this.#traces.delete(id);
      else if (!matches(trace.filter, entry)) continue;
      else if (trace.entries.length < entriesHeldMax) trace.entries.push(entry);
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
      this.#traces.set(id, { filter, entries: [], lost: 0, fetchedMs });
      return { entries: [], lost: 0 };
    }
    const { entries, lost } = trace;
    Object.assign(trace, { entries: [], lost: 0, fetchedMs });
    return { entries, lost };
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
