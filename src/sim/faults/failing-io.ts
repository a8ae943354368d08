import type { FaultKind } from "./fault.ts";

/** Any of the next syncs or writes of a disk may fail. */
function failing(name: string, what: "syncsInDoubt" | "writesInDoubt", weight: number): FaultKind {
  return {
    name,
    weight,
    excuses: ["io"],
    plan(random) {
      const count = random.pick([3, 10, 40]);
      return ({ machine, random: choice, onHeal }) => {
        const disk = choice.pick(machine.disks);
        disk[what] += count;
        onHeal(() => {
          disk[what] = 0;
        });
      };
    },
  };
}

export const syncsFail = failing("syncs fail", "syncsInDoubt", 2);
export const writesFail = failing("writes fail", "writesInDoubt", 1);
