import type { FaultKind } from "./fault.ts";

const dayMs = 24 * 3_600_000;

/** The wall clock is set, forwards or back, by seconds or by days. */
export const clockSet: FaultKind = {
  name: "clock set",
  weight: 1,
  excuses: [],
  movesClocks: true,
  plan(random) {
    const byMs = random.pick([-10 * dayMs, -60_000, -5000, 5000, 60_000, 10 * dayMs]);
    return ({ machine }) => machine.wall.jump(byMs);
  },
};

/**
 * Lets the wall clocks of processes differ, by seconds or by days, as those of several
 * machines do.
 */
export const clocksApart: FaultKind = {
  name: "clocks apart",
  weight: 1,
  excuses: [],
  movesClocks: true,
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
