/*
 * Latencies in buckets whose width grows with the value, as HdrHistogram's do: 64 to a doubling, so
 * a quantile is at most 1.6 % off, and the memory is the same for a thousand requests and for a
 * billion. Histograms of several processes add up.
 */

const bucketsPerDoubling = 64;
const doublingsMax = 25;
const bucketsMax = (doublingsMax + 1) * bucketsPerDoubling;
/** About 35 minutes; what took longer counts as this. */
const microsecondsMax = 2 ** 31 - 1;

/** The form that goes from process to process: pairs of bucket and count. */
export interface HistogramData {
  readonly buckets: readonly (readonly [bucket: number, count: number])[];
  readonly sumMs: number;
  readonly maxMs: number;
}

export class LatencyHistogram {
  readonly #counts = new Float64Array(bucketsMax);
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  get count(): number {
    return this.#count;
  }

  get maxMs(): number {
    return this.#maxMs;
  }

  get meanMs(): number {
    return this.#count === 0 ? 0 : this.#sumMs / this.#count;
  }

  record(ms: number): void {
    const bucket = bucketOf(ms);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count++;
    this.#sumMs += ms;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  /**
   * The least value that this share of all values does not exceed, in milliseconds; 0 where there
   * are none.
   */
  quantileMs(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= rank) return Math.min(middleMs(bucket), this.#maxMs);
    }
    return 0;
  }

  add(data: HistogramData): void {
    for (const [bucket, count] of data.buckets) {
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
      this.#count += count;
    }
    this.#sumMs += data.sumMs;
    this.#maxMs = Math.max(this.#maxMs, data.maxMs);
  }

  data(): HistogramData {
    const buckets = [...this.#counts.entries()].filter(([, count]) => count > 0);
    return { buckets, sumMs: this.#sumMs, maxMs: this.#maxMs };
  }
}

/** One bucket a microsecond up to the first doubling, then ever wider ones. */
function bucketOf(ms: number): number {
  const value = Math.min(Math.max(0, Math.round(ms * 1000)), microsecondsMax);
  if (value < bucketsPerDoubling) return value;
  const shift = 31 - Math.clz32(value) - 6; // 2 ** 6 buckets to a doubling
  return shift * bucketsPerDoubling + (value >>> shift);
}

function middleMs(bucket: number): number {
  if (bucket < 2 * bucketsPerDoubling) return bucket / 1000;
  const shift = Math.floor(bucket / bucketsPerDoubling) - 1;
  const least = (bucket - shift * bucketsPerDoubling) * 2 ** shift;
  return (least + (2 ** shift - 1) / 2) / 1000;
}
