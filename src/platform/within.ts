import type { Clock } from "./platform.ts";

/** Given, since a reason that is made anew each time has a stack, which costs more than all else. */
const noLongerAwaited = "the answer is there";

/** Resolves as `work` does, or to undefined after so many milliseconds; then nobody waits for it. */
export async function within<T>(
  clock: Clock,
  ms: number,
  work: Promise<T>,
): Promise<T | undefined> {
  const answered = new AbortController();
  const late = clock.sleep(ms, answered.signal).then(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    answered.abort(noLongerAwaited);
  }
}

/** @limit A machine on which nothing answers stands still as a whole: that is waited for so long. */
export const stillMsMax = 30_000;

/**
 * What each piece of work gives, or undefined where it is late: then nobody waits for it. The time
 * that they have begins with the first answer, since a machine that stands still is the fault of
 * none of them. They do not reject.
 */
export async function eachWithin<T>(
  clock: Clock,
  ms: number,
  pieces: readonly Promise<T>[],
): Promise<(T | undefined)[]> {
  if (pieces.length > 0) await within(clock, stillMsMax, Promise.race(pieces));
  return Promise.all(pieces.map((piece) => within(clock, ms, piece)));
}
