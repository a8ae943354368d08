import type { Clock } from "../platform/clock.ts";

/** When the reads under way began, so that extents they may need are not dropped under them. */
export class ReadTracker {
  readonly #clock: Clock;
  readonly #reads = new Map<number, number>();
  #next = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A read begins, before it looks at the row; call what is returned when it has ended. */
  begin(): () => void {
    const id = this.#next++;
    this.#reads.set(id, this.#clock.now());
    return () => {
      this.#reads.delete(id);
    };
  }

  /** When the oldest read still under way began; now, where there is none. */
  oldestMs(): number {
    const [first] = this.#reads.values();
    return first ?? this.#clock.now();
  }
}
