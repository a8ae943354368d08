import { memberOfPath } from "../../extent/extent-files.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { Inode } from "../disk/inode.ts";
import { type FaultKind, pickDurationMs, type Scene } from "./fault.ts";

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

/** Bits flipped at a time, each anywhere. */
const flips = 32;

/** Bits of extents change where they lie, until the run is over. */
export const bitsFlip: FaultKind = {
  name: "bits flip",
  weight: 2,
  excuses: ["corrupt"],
  plan: () => async (scene) => {
    for (let i = 0; i < flips; i++) await flipOne(scene);
  },
};

async function flipOne(scene: Scene): Promise<void> {
  const { random, onHeal } = scene;
  const inode = await pickFile(scene);
  if (inode === undefined) return;
  const offset = random.between(extentHeaderBytes, inode.length - 1);
  const mask = 1 << random.below(8);
  onHeal(inode.flip(offset, mask));
}

/** Sectors that go bad at a time. */
const badSectors = 8;

/** Sectors of extents cannot be read until they are written anew, or the run is over. */
export const sectorsFail: FaultKind = {
  name: "sectors fail",
  weight: 2,
  excuses: ["io"],
  plan: () => async (scene) => {
    for (let i = 0; i < badSectors; i++) {
      const { random, onHeal } = scene;
      const inode = await pickFile(scene);
      if (inode !== undefined)
        onHeal(inode.spoil(random.between(extentHeaderBytes, inode.length - 1)));
    }
  },
};

/** A file of an extent, with something in it that was synced. */
async function pickFile({ machine: { disks, engine }, random }: Scene): Promise<Inode | undefined> {
  const ids = new Set((await engine.extents()).map(({ id }) => id));
  const disk = random.pick(disks);
  const files = [...disk.files()].filter(([path]) => {
    const extent = memberOfPath(path)?.extent;
    return extent !== undefined && ids.has(extent);
  });
  if (files.length === 0) return undefined;
  const [, inode] = random.pick(files);
  return inode.length <= extentHeaderBytes || inode.isWaiting ? undefined : inode;
}
