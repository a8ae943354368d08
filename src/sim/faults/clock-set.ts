import type { FaultKind } from "./fault.ts";

const dayMs = 24 * 3_600_000;

/** The wall clock is set, forwards or back, by seconds or by days. */
export const clockSet: FaultKind = {
  name: "clock set",
  weight: 1,
  excuses: [],
  plan(random) {
    const byMs = random.pick([-10 * dayMs, -60_000, -5000, 5000, 60_000, 10 * dayMs]);
    return ({ machine }) => machine.wall.jump(byMs);
  },
};
