/**
 * The reads under way, so that extents they may need are not dropped under them. When one began is
 * expressed in periods that are counted, one for each renewal of the process's lease, and not by a
 * clock: clocks of two processes may differ by days.
 */
export class ReadTracker {
  readonly #reads = new Map<number, number>();
  #next = 0;
  #period = 1;

  /** The period in which a read that begins now begins. */
  get period(): number {
    return this.#period;
  }

  /** The others know of the period: from now on reads begin in the next one. */
  endPeriod(): void {
    this.#period++;
  }

  /** A read begins, before it looks at the row; call what is returned when it has ended. */
  begin(): () => void {
    const id = this.#next++;
    this.#reads.set(id, this.#period);
    return () => {
      this.#reads.delete(id);
    };
  }

  /**
   * The period in which the oldest read still under way began; the present one, where there is
   * none.
   */
  oldestPeriod(): number {
    const [first] = this.#reads.values();
    return first ?? this.#period;
  }

  /** True if a read that began in this period or before is still under way. */
  isUnderWay(period: number): boolean {
    return this.#reads.size > 0 && this.oldestPeriod() <= period;
  }
}
