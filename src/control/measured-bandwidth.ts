/** @limit Work is added up to so much time before a rate is taken from it: steps are uneven. */
const sampleMs = 250;
/** @limit After this long at a lower rate, half of what was measured above it is forgotten. */
const halfLifeMs = 10 * 60_000;
/**
 * @limit A step that moves less shows no bandwidth: commits, names and syncs took most of its time.
 * It costs as much as so many bytes.
 */
const measuredBytesMin = 1024 * 1024;
/** @limit Bytes in a second by which such steps are paid for while no other one was measured. */
const assumedBytesPerSecond = 100 * 1024 * 1024;

/**
 * How many bytes one kind of work moves in a second while nothing holds it up: the highest rate of
 * its steps, of which is forgotten by and by what is not reached any more.
 */
export class MeasuredBandwidth {
  #bytes = 0;
  #tookMs = 0;
  #sampledAtMs = 0;
  #bytesPerMs: number | undefined;

  /** Undefined until enough was done. */
  get bytesPerSecond(): number | undefined {
    return this.#bytesPerMs === undefined ? undefined : this.#bytesPerMs * 1000;
  }

  /** Called with each step that moved something. */
  note(bytes: number, tookMs: number, nowMs: number): void {
    if (bytes < measuredBytesMin) return;
    this.#bytes += bytes;
    this.#tookMs += tookMs;
    if (this.#tookMs < sampleMs) return;
    const rate = this.#bytes / this.#tookMs;
    const known = this.#bytesPerMs ?? rate;
    const kept = 0.5 ** ((nowMs - this.#sampledAtMs) / halfLifeMs);
    this.#bytesPerMs = rate >= known ? rate : rate + (known - rate) * kept;
    this.#sampledAtMs = nowMs;
    this.#bytes = 0;
    this.#tookMs = 0;
  }

  /** The time that a step of so many bytes costs at this rate: no more than it took. */
  costMs(bytes: number, tookMs: number): number {
    const isSmall = bytes < measuredBytesMin;
    const bytesPerMs = this.#bytesPerMs ?? (isSmall ? assumedBytesPerSecond / 1000 : undefined);
    if (bytesPerMs === undefined) return tookMs;
    return Math.min(tookMs, Math.max(bytes, measuredBytesMin) / bytesPerMs);
  }
}
