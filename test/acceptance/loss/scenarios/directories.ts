import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { HoldfastServer } from "../../holdfast-server.ts";
import * as faults from "../directory-faults.ts";
import type { Scene } from "../scene.ts";
import { pickOne, pickSome, type Scenario, wholeAgain } from "./scenario.ts";

/** A disk that is not the index's. */
function anyDisk({ store }: Scene): string {
  return pickOne(store.ordinary());
}

async function notTaken({ load, store }: Scene, disk: string): Promise<void> {
  await load.during(
    store.until(`${disk} is not used`, ({ disks }) =>
      disks.some(({ name, isMounted, state }) => name === disk && (!isMounted || state !== "ok")),
    ),
  );
}

export const unmounted: Scenario = {
  name: "a disk unmounted while serving, and mounted again: the empty mount point stays empty",
  run: async (scene) => {
    const disk = anyDisk(scene);
    faults.unmount(disk);
    await notTaken(scene, disk);
    await scene.meet();
    faults.mountAgain(disk);
    return wholeAgain(scene);
  },
};

export const emptied: Scenario = {
  name: "a disk emptied while serving: what it had is made again elsewhere; then it is filled again",
  run: async (scene) => {
    const disk = anyDisk(scene);
    faults.empty(disk);
    await notTaken(scene, disk);
    await scene.readPopulation();
    const note = await scene.healed("without the disk");
    faults.fillAgain(disk);
    return `${note}; ${await wholeAgain(scene)}`;
  },
};

export const swapped: Scenario = {
  name: "two disks swapped while serving: each is known by its id",
  run: async (scene) => {
    const others = scene.store.ordinary();
    const [one, other] = pickSome(others, 2) as [string, string]; // of many
    faults.swap(one, other);
    await scene.meet();
    await scene.readPopulation();
    const note = await wholeAgain(scene);
    faults.swap(one, other);
    await scene.meet();
    return `${note}; swapped back: ${await wholeAgain(scene)}`;
  },
};

export const restoredFromCopy: Scenario = {
  name: "a disk's files restored from an older copy: what is stale is noticed and made again",
  run: async (scene) => {
    const disk = anyDisk(scene);
    faults.takeCopy(disk);
    for (let i = 0; i < 3; i++) await scene.meet();
    faults.putCopyBack(disk);
    await scene.meet();
    await scene.readPopulation();
    const note = await wholeAgain(scene);
    faults.endCopy(disk);
    return note;
  },
};

export const foreign: Scenario = {
  name: "a directory of another store in the place of a disk: nothing is read from it or written",
  run: async (scene) => {
    const disk = anyDisk(scene);
    const other = `${disk}-foreign`;
    const logFile = `${other}.log`;
    const stranger = await HoldfastServer.start([other], { workers: 1, logFile });
    await stranger.stop();
    const before = faults.filesIn(other);
    faults.replaceBy(disk, other);
    await notTaken(scene, disk);
    await scene.meet();
    faults.endReplacing(disk, other);
    assert.deepEqual(faults.filesIn(other), before, "C9: another store's directory has changed");
    await rm(other, { recursive: true });
    await rm(logFile);
    return wholeAgain(scene);
  },
};
