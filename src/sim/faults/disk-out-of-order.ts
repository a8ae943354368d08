import type { FaultKind } from "./fault.ts";
import { pickDurationMs } from "./fault.ts";

/** A disk has vanished, or is mounted read-only, for a while. */
export const diskOutOfOrder: FaultKind = {
  name: "disk out of order",
  weight: 1,
  excuses: ["io", "read_only", "missing"],
  plan(random) {
    const how = random.pick(["vanished", "readOnly"] as const);
    const forMs = pickDurationMs(random);
    return ({ machine, random: choice, afterMs, onHeal }) => {
      const disk = choice.pick(machine.disks);
      const recover = (): void => {
        disk.outOfOrder = undefined;
      };
      disk.outOfOrder = how;
      afterMs(forMs, recover);
      onHeal(recover);
    };
  },
};
