import type { ExtentId } from "../../format/ids.ts";
import type { Clock } from "../../platform/platform.ts";

/** Extents whose work failed, or cannot be done yet: they are left alone for a while. */
export class RestingExtents {
  readonly #clock: Clock;
  readonly #restingMax: number;
  readonly #untilMs = new Map<ExtentId, number>();

  /** @param restingMax past so many all are tried again. */
  constructor(clock: Clock, restingMax: number) {
    this.#clock = clock;
    this.#restingMax = restingMax;
  }

  rest(extent: ExtentId, forMs: number): void {
    if (this.#untilMs.size >= this.#restingMax) this.#untilMs.clear();
    this.#untilMs.set(extent, this.#clock.monotonicMs() + forMs);
  }

  /** What made them fail may have changed. */
  wakeAll(): void {
    this.#untilMs.clear();
  }

  has(extent: ExtentId): boolean {
    const untilMs = this.#untilMs.get(extent);
    if (untilMs === undefined) return false;
    if (untilMs > this.#clock.monotonicMs()) return true;
    this.#untilMs.delete(extent);
    return false;
  }
}
