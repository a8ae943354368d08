import type { Clock } from "../../platform/platform.ts";

/** @limit The rate is that of the last minute or so: what changed is known after as long. */
const windowMs = 60_000;
/** @limit The window is kept in so many parts. */
const parts = 12;
/** @limit Before so much time has passed nothing is said: the first steps are not like the others. */
const knownAfterMs = 3_000;

/**
 * How much work is done in a second, whatever held it up: rests and other work in between count as
 * time. So it says how long the rest of the same work will take.
 */
export class WorkRate {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #marks: { readonly atMs: number; readonly done: number }[] = [];
  #done = 0;

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** There is something to do from now on, if there was not before. */
  begin(): void {
    if (this.#marks.length === 0) this.#mark();
  }

  /** There is nothing to do any more: the time until there is does not count. */
  end(): void {
    this.#marks.length = 0;
  }

  /** So much was done since the last call; less than 0 where some of it was in vain. */
  add(work: number): void {
    this.begin();
    this.#done += work;
    const last = this.#marks.at(-1);
    if (this.#clock.monotonicMs() - (last?.atMs ?? 0) >= windowMs / parts) this.#mark();
  }

  /** Work in a second; undefined until something was done for a while. */
  perSecond(): number | undefined {
    const [first] = this.#marks;
    if (first === undefined) return undefined;
    const ms = this.#clock.monotonicMs() - first.atMs;
    const done = this.#done - first.done;
    return ms < knownAfterMs || done <= 0 ? undefined : (done * 1000) / ms;
  }

  /** How long so much work takes at this rate; undefined where that is not known. */
  msFor(work: number): number | undefined {
    const perSecond = this.perSecond();
    return perSecond === undefined ? undefined : (work * 1000) / perSecond;
  }

  #mark(): void {
    this.#marks.push({ atMs: this.#clock.monotonicMs(), done: this.#done });
    while (this.#marks.length > parts + 1) this.#marks.shift();
  }
}
