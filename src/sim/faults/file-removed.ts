import { extentHeaderBytes } from "../../format/limits.ts";
import { extentOfPath } from "../../extent/extent-files.ts";
import type { FaultKind, Scene } from "./fault.ts";

/** Mostly where files are written: those that are open are the newest. */
const newest = 3;
const aims = [
  { point: "front end: records write", happened: false },
  { point: "front end: records write", happened: true },
  { point: "front end: records sync", happened: false },
  { point: "front end: records sync", happened: true },
  { point: "front end: commit head", happened: false },
  { point: "background: records sync", happened: true },
] as const;

/**
 * Somebody removes an extent's file under the running processes, or puts an empty one in its place. What was in it may be
 * unreadable afterwards, and nothing else: the machine remembers how much that was.
 */
export const fileRemoved: FaultKind = {
  name: "file removed",
  weight: 2,
  excuses: [],
  plan(random) {
    const aim = random.chance(0.7) ? random.pick(aims) : undefined;
    const isReplaced = random.chance(0.3);
    return (scene) => scene.aim(aim, () => removeOne(scene, isReplaced));
  },
};

function removeOne({ machine, random }: Scene, isReplaced: boolean): void {
  const files = machine.disks.flatMap((disk) =>
    [...disk.files()].flatMap(([path, inode]) => {
      const extent = extentOfPath(path);
      const isWritten = extent !== undefined && inode.length > extentHeaderBytes;
      return isWritten ? [{ disk, path, extent, bytes: inode.length }] : [];
    }),
  );
  files.sort((one, other) => one.extent - other.extent);
  const candidates = random.chance(0.7) ? files.slice(-newest) : files;
  if (candidates.length === 0) return;
  const { disk, path, extent, bytes } = random.pick(candidates);
  disk.takeAway(path, isReplaced);
  machine.taken.set(extent, Math.max(bytes, machine.taken.get(extent) ?? 0));
}
