import type { SimDisk } from "../disk.ts";
import { askUntilDone } from "../operator.ts";
import type { FaultKind, Scene } from "./fault.ts";

/*
 * What befalls the disks of a fleet, one at a time: one is taken away and comes back, one is
 * replaced by an empty one, one is emptied while the store is served. The home of the index is
 * spared: what becomes of a lost index is in ../engine.ts.
 */

/** Against a time of grace of 20 s: short, about as long, so long that its members are made anew. */
const durationsMs = [2000, 20_000, 60_000, 120_000] as const;

/** A store of fewer has fewer copies, in the end. */
const disksMin = 3;

/** Undefined while something befalls another disk. */
function pickDisk({ machine, random }: Scene): SimDisk | undefined {
  if (machine.busyDisk !== undefined) return undefined;
  machine.busyDisk = random.pick(machine.disks.slice(1));
  return machine.busyDisk;
}

/** Where extents are encoded, repaired, moved and dropped, and where records come into them. */
const memberPoints: readonly string[] = [
  "background: commit extent reconciled",
  "background: commit extent reconciled coming",
  "background: commit extent reconciled coming",
  "background: commit extent reconciled leaving",
  "background: commit extent reconciled leaving",
  "background: commit extent sealed",
  "background: records write",
  "background: records sync",
  "background: file create",
  "background: file remove",
  "background: header sync",
  "front end: commit head",
  "front end: commit head",
  "front end: records sync",
  "front end: commit extent open",
  "front end: commit extent open coded",
  "front end: commit extent open coded",
  "front end: commit extent sealed",
];

/** Power is cut, and when it is back one disk is not; or the process alone is killed. */
export const crashAtMember: FaultKind = {
  name: "crash at a member",
  weight: 0,
  excuses: ["io", "missing", "unavailable"],
  plan(random) {
    const aim = { point: random.pick(memberPoints), happened: random.chance(0.5) };
    const scope = random.pick(["process", "power", "power and a disk"] as const);
    const forMs = random.pick(durationsMs);
    return (scene) => {
      scene.aim(aim, (aimedAt) => {
        const { machine } = scene;
        machine.crashes++;
        machine.log("nemesis", `crash of ${scope} at ${aim.point}`);
        if (scope === "power and a disk") takeAway(scene, forMs);
        if (scope !== "process") machine.cutPower();
        else if (aimedAt !== undefined) machine.kill(aimedAt);
      });
    };
  },
};

export const diskAway: FaultKind = {
  name: "disk away",
  weight: 0,
  excuses: ["io", "missing", "unavailable"],
  plan(random) {
    const forMs = random.pick(durationsMs);
    return (scene) => takeAway(scene, forMs);
  },
};

function takeAway(scene: Scene, forMs: number): void {
  const disk = pickDisk(scene);
  if (disk === undefined) return;
  scene.machine.log("nemesis", `${disk.name} is away for ${forMs} ms`);
  disk.outOfOrder = "vanished";
  const comeBack = (): void => bringBack(scene, disk);
  scene.afterMs(forMs, comeBack);
  scene.onHeal(comeBack);
}

/** It never comes back, once the store agrees that nothing is lost by that. */
export const diskReplaced: FaultKind = {
  name: "disk replaced",
  weight: 0,
  excuses: ["io", "missing", "unavailable"],
  plan(random) {
    const askedAfterMs = random.pick([100, 10_000, 60_000]);
    return (scene) => {
      const { machine, afterMs, onHeal } = scene;
      const disk = pickDisk(scene);
      if (disk === undefined) return;
      machine.log("nemesis", `${disk.name} dies`);
      disk.outOfOrder = "vanished";
      afterMs(askedAfterMs, () => void replace(scene, disk));
      onHeal(() => bringBack(scene, disk));
    };
  },
};

/** It is emptied, and put back to use later. */
export const diskEmptied: FaultKind = {
  name: "disk emptied",
  weight: 0,
  excuses: ["unavailable"],
  plan(random) {
    const forMs = random.pick(durationsMs);
    return (scene) => {
      const { machine, afterMs, onHeal } = scene;
      const disk = pickDisk(scene);
      if (disk === undefined) return;
      const fields = { disk: disk.name };
      // Another fault may have taken the same disk since.
      let isOver = false;
      const isWanted = (): boolean => !isOver && machine.busyDisk === disk;
      void askUntilDone(machine, "drain", fields, isWanted);
      const end = (): void => {
        if (isWanted()) machine.busyDisk = undefined;
        isOver = true;
      };
      afterMs(forMs, () => void askUntilDone(machine, "resume", fields, isWanted).then(end));
      onHeal(end);
    };
  },
};

/**
 * It is emptied, and is no disk of the store any more once nothing is on it: that comes to an end,
 * unless somebody took files away, of which some are nowhere else.
 */
export const diskRemoved: FaultKind = {
  name: "disk removed",
  weight: 0,
  excuses: ["unavailable"],
  plan: () => (scene) => {
    const { machine, onHeal } = scene;
    const disk = machine.disks.length > disksMin ? pickDisk(scene) : undefined;
    if (disk === undefined) return;
    const isWanted = (): boolean => machine.busyDisk === disk;
    const end = (): void => {
      if (isWanted()) machine.busyDisk = undefined;
    };
    void removeDisk(machine, disk, isWanted).then(end);
    onHeal(() => {
      if (machine.taken.size > 0) end();
    });
  },
};

async function removeDisk(
  machine: Scene["machine"],
  disk: SimDisk,
  isWanted: () => boolean,
): Promise<void> {
  const fields = { disk: disk.name };
  await askUntilDone(machine, "drain", fields, isWanted);
  if (await askUntilDone(machine, "remove", fields, isWanted)) machine.directories.remove(disk);
}

function bringBack({ machine }: Scene, disk: SimDisk): void {
  if (machine.busyDisk !== disk) return;
  machine.busyDisk = undefined;
  disk.outOfOrder = undefined;
}

async function replace({ machine }: Scene, disk: SimDisk): Promise<void> {
  const { directories } = machine;
  const isWanted = (): boolean => machine.busyDisk === disk;
  if (!isWanted()) return;
  const other = directories.add();
  const fields = { disk: disk.name, path: other.name };
  if (await askUntilDone(machine, "replace", fields, isWanted)) {
    directories.remove(disk);
    if (isWanted()) machine.busyDisk = undefined;
  }
  if (!directories.isInitialised(other)) directories.remove(other);
}
