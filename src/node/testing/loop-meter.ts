/**
 * How long `work` holds the event loop at a stretch: the most that this thread computes between two
 * turns of the loop, in milliseconds. Computing time, since on a busy machine the clock also counts
 * what others do meanwhile; and the least of several runs, since what the work itself does it does
 * in each.
 */
export async function longestHoldMs(work: () => Promise<unknown>, runs = 3): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs; run++) least = Math.min(least, await longestHoldOf(work));
  return least;
}

async function longestHoldOf(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let isOver = false;
  let before = computedMs();
  const look = (): void => {
    const now = computedMs();
    longest = Math.max(longest, now - before);
    before = now;
    if (!isOver) setImmediate(look);
  };
  setImmediate(look);
  await work();
  isOver = true;
  await new Promise((resolve) => void setImmediate(resolve));
  return longest;
}

/** How long this thread computes, in milliseconds, until `work` is done. */
export async function computingMs(work: () => Promise<unknown>): Promise<number> {
  const before = computedMs();
  await work();
  return computedMs() - before;
}

function computedMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
