import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { processTree, untilGone } from "../../processes.ts";
import { putBack, takeAway } from "../directory-faults.ts";
import type { Scene } from "../scene.ts";
import { pickOne, type Scenario } from "./scenario.ts";

/** Its processes start again by themselves: until then connections break. */
export async function whileProcessesStart(
  { store, load }: Scene,
  lose: () => Promise<void>,
): Promise<void> {
  const before = processTree(store.server.pid).slice(1);
  store.failures.mayBreak = true;
  await lose();
  await load.during(untilGone(before));
  // Requests succeed again: all that were held up, and more.
  await load.progress(40, 80);
  store.failures.mayBreak = false;
}

export const indexGone: Scenario = {
  name: "the index is gone while serving: it is made again by itself, and nothing is lost",
  run: async (scene) => {
    const index = join(scene.store.homeNow(), "index");
    await whileProcessesStart(scene, async () => renameSync(index, `${index}-away`));
    await scene.readPopulation();
    rmSync(`${index}-away`, { recursive: true });
    return scene.healed("with the index made again");
  },
};

export const indexDiskLost: Scenario = {
  name: "the disk of the index is lost while serving: the index is made again on another",
  run: async (scene) => {
    const disk = scene.store.homeNow();
    await whileProcessesStart(scene, async () => takeAway(disk));
    await scene.readPopulation();
    const note = await scene.healed("without the disk of the index");
    putBack(disk);
    await scene.meet();
    return `${note}; ${await scene.saysHealed("once it is back")}; now on ${scene.store.homeNow()}`;
  },
};

export const indexDiskEmptied: Scenario = {
  name: "the disk of the index is emptied and removed while serving: the index moves to another",
  run: async (scene) => {
    const { store, load } = scene;
    const disk = store.homeNow();
    const added = store.place(disk);
    mkdirSync(added);
    await store.command("disk", "add", added, ...store.labelsLike(disk));
    await whileProcessesStart(scene, async () => void (await store.command("disk", "drain", disk)));
    const home = store.homeNow();
    assert.notEqual(home, disk);
    await load.during(store.emptyAndRemove(disk));
    store.replaced(disk, added);
    await scene.readPopulation();
    return `${await scene.healed("without the disk")}; now on ${home}`;
  },
};

export const indexDiskLostAtRest: Scenario = {
  name: "the disk of the index is lost with all processes: the start makes the index again",
  run: async (scene) => {
    const { store } = scene;
    const disk = store.homeNow();
    await whileProcessesStart(scene, async () => {
      const tree = processTree(store.server.pid);
      for (const { pid } of tree) process.kill(pid, "SIGKILL");
      await untilGone(tree);
      takeAway(disk);
      await store.start();
    });
    await scene.readPopulation();
    const note = await scene.healed("without the disk of the index");
    putBack(disk);
    await scene.meet();
    return `${note}; ${await scene.saysHealed("once it is back")}`;
  },
};

export const indexAndZoneLostAtRest: Scenario = {
  name: "the index and a whole zone are lost with all processes: the start makes the index again",
  needsZones: true,
  run: async (scene) => {
    const { store } = scene;
    const home = store.homeNow();
    const zone = pickOne([0, 1, 2].filter((one) => one !== store.zoneOf(home)));
    const disks = store.directories.filter((directory) => store.zoneOf(directory) === zone);
    await whileProcessesStart(scene, async () => {
      const tree = processTree(store.server.pid);
      for (const { pid } of tree) process.kill(pid, "SIGKILL");
      await untilGone(tree);
      for (const disk of disks) takeAway(disk);
      rmSync(join(home, "index"), { recursive: true });
      await store.start();
    });
    await scene.readPopulation();
    for (const disk of disks) putBack(disk);
    await scene.meet();
    return scene.saysHealed("once the zone is back");
  },
};
