import { extentPath } from "../../extent/extent-files.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { FaultKind, Scene } from "./fault.ts";

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

async function flipOne({ machine: { disks, engine }, random, onHeal }: Scene): Promise<void> {
  const paths = new Set((await engine.extents()).map(({ id }) => extentPath(id)));
  const disk = random.pick(disks);
  const files = [...disk.files()].filter(([path]) => paths.has(path));
  if (files.length === 0) return;
  const [, inode] = random.pick(files);
  if (inode.length <= extentHeaderBytes || inode.isWaiting) return;
  const offset = random.between(extentHeaderBytes, inode.length - 1);
  const mask = 1 << random.below(8);
  onHeal(inode.flip(offset, mask));
}
