import { LatencyHistogram, type HistogramData } from "./latency-histogram.ts";

/** Past it, neighbours are joined: the memory of a run does not depend on how long it lasts. */
const intervalsMax = 512;

export interface SeriesData {
  readonly seconds: number;
  readonly intervals: readonly HistogramData[];
}

/** Latencies over time: a histogram for each interval, of one second at first. */
export class Series {
  #seconds = 1;
  #intervals: LatencyHistogram[] = [];

  get seconds(): number {
    return this.#seconds;
  }

  get intervals(): readonly LatencyHistogram[] {
    return this.#intervals;
  }

  record(atSeconds: number, ms: number): void {
    this.#at(atSeconds).record(ms);
  }

  add(data: SeriesData): void {
    while (this.#seconds < data.seconds) this.#coarsen();
    for (const [i, interval] of data.intervals.entries()) this.#at(i * data.seconds).add(interval);
  }

  data(): SeriesData {
    return { seconds: this.#seconds, intervals: this.#intervals.map((each) => each.data()) };
  }

  #at(seconds: number): LatencyHistogram {
    while (seconds >= intervalsMax * this.#seconds) this.#coarsen();
    const index = Math.max(0, Math.floor(seconds / this.#seconds));
    while (this.#intervals.length <= index) this.#intervals.push(new LatencyHistogram());
    return this.#intervals[index]!;
  }

  #coarsen(): void {
    const joined: LatencyHistogram[] = [];
    for (const [i, interval] of this.#intervals.entries()) {
      if (i % 2 === 0) joined.push(interval);
      else joined.at(-1)!.add(interval.data());
    }
    this.#intervals = joined;
    this.#seconds *= 2;
  }
}
