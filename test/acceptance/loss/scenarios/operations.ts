import { mkdirSync } from "node:fs";
import { takeAway } from "../directory-faults.ts";
import { pickOne, type Scenario } from "./scenario.ts";

export const drainedAndReplaced: Scenario = {
  name: "a disk is added, one is emptied and removed, one dies and is replaced, by commands",
  run: async (scene) => {
    const { store, load } = scene;
    const others = store.ordinary();

    const drained = pickOne(others);
    const added = store.place(drained);
    mkdirSync(added);
    await store.command("disk", "add", added, ...store.labelsLike(drained));
    await load.during(store.emptyAndRemove(drained));
    store.replaced(drained, added);
    await scene.readPopulation();

    const dead = pickOne(others.filter((disk) => disk !== drained));
    const fresh = store.place(dead);
    mkdirSync(fresh);
    takeAway(dead);
    await load.during(
      store.until(`${dead} is missing`, async () => (await store.shown(dead))?.condition !== "ok"),
    );
    await store.command("disk", "replace", dead, fresh);
    store.replaced(dead, fresh);
    return scene.healed("with another disk in the place of a dead one");
  },
};
