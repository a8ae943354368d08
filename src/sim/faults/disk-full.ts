import type { FaultKind } from "./fault.ts";
import { pickDurationMs } from "./fault.ts";

export const diskFull: FaultKind = {
  name: "disk full",
  weight: 1,
  excuses: ["storage_full"],
  plan(random) {
    const forMs = pickDurationMs(random);
    const spaceBytes = random.below(20_000);
    return ({ machine, random: choice, afterMs, onHeal }) => {
      const disk = choice.pick(machine.disks);
      disk.capacityBytes = disk.bytesUsed() + spaceBytes;
      afterMs(forMs, () => disk.makeSpace());
      onHeal(() => disk.makeSpace());
    };
  },
};
