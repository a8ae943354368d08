import type { Clock } from "../../platform/platform.ts";
import { within } from "../../platform/within.ts";

/**
 * @limit Work that gets no answer for so long is put aside: it waits for a disk that it writes to,
 * since reads of extents go on without an answer after half of that.
 */
const stuckMs = 60_000;

/** What the work gives; undefined where it is stuck. */
export function unlessStuck<Outcome>(
  clock: Clock,
  work: Promise<Outcome>,
): Promise<Outcome | undefined> {
  return within(clock, stuckMs, work);
}

/** The next step of a piece of work; undefined where it is stuck. */
export function nextStep<Step, Outcome>(
  clock: Clock,
  work: AsyncGenerator<Step, Outcome, undefined>,
): Promise<IteratorResult<Step, Outcome> | undefined> {
  return unlessStuck(clock, work.next());
}
