import type { FaultKind } from "./fault.ts";

const dayMs = 24 * 3_600_000;

/**
 * Lets the wall clocks of processes differ, by seconds or by days, as those of several
 * machines do.
 */
export const clocksApart: FaultKind = {
  name: "clocks apart",
  weight: 1,
  excuses: [],
  plan(random) {
    const apartMs = random.pick([5000, 60_000, 10 * dayMs]);
    return ({ machine, onHeal }) => {
      machine.wall.apartMs = apartMs;
      onHeal(() => {
        machine.wall.apartMs = 0;
      });
    };
  },
};
