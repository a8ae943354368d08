import assert from "node:assert/strict";
import { putBack, takeAway } from "../directory-faults.ts";
import type { Scene } from "../scene.ts";
import { pickOne, pickSome, type Scenario } from "./scenario.ts";

/** Loses the disks one after the other, reading everything with all of them gone. */
async function lose(scene: Scene, disks: readonly string[]): Promise<string> {
  const { store, load } = scene;
  for (const [index, disk] of disks.entries()) {
    takeAway(disk);
    await load.during(
      store.until(
        `${index + 1} disks are missing`,
        (status) =>
          status.disks.filter(({ isMounted, state }) => !isMounted || state !== "ok").length ===
          index + 1,
      ),
    );
    await scene.meet();
  }
  await scene.readPopulation();
  const note = await scene.healed(`after the loss of ${disks.length} disks`);
  for (const disk of disks) putBack(disk);
  await load.during(
    store.until("the disks are back", ({ disks: all }) =>
      all.every(({ isMounted, state }) => isMounted && state === "ok"),
    ),
  );
  await scene.meet();
  return `${note}; ${await scene.saysHealed("once the disks are back")}`;
}

export const fourDisksLost: Scenario = {
  name: "any four disks lost: sealed extents are read, repaired, and the disks taken back",
  run: (scene) => {
    const others = scene.store.ordinary();
    return lose(scene, pickSome(others, 4));
  },
};

/** Rounds of it, each with another disk. */
const openRounds = 2;

export const oneDiskLost: Scenario = {
  name: "any one disk lost while extents are written to it: nothing acknowledged is lost",
  run: async (scene) => {
    const others = scene.store.ordinary();
    const notes: string[] = [];
    for (const disk of pickSome(others, openRounds)) notes.push(await lose(scene, [disk]));
    return notes.join("; ");
  },
};

export const zoneLost: Scenario = {
  name: "one whole zone lost",
  needsZones: true,
  run: async (scene) => {
    const { store } = scene;
    const home = store.zoneOf(store.homeNow());
    const zone = pickOne([0, 1, 2].filter((one) => one !== home));
    const disks = store.directories.filter((directory) => store.zoneOf(directory) === zone);
    assert.equal(disks.length, store.directories.length / 3);
    return lose(scene, disks);
  },
};
