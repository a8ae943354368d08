import type { FaultKind } from "./fault.ts";

/** The wall clock is set, forwards or back. */
export const clockSet: FaultKind = {
  name: "clock set",
  weight: 1,
  excuses: [],
  plan(random) {
    const byMs = random.pick([-60_000, -5000, 5000, 60_000]);
    return ({ machine }) => machine.wall.jump(byMs);
  },
};
