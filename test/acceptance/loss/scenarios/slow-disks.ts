import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { beginStall, failOneSync } from "../fault-orders.ts";
import { pickOne, type Scenario } from "./scenario.ts";

const stallMs = 10_000;

export const stalled: Scenario = {
  name: "a disk stalls for 10 s: what does not need it goes on, and everything is read meanwhile",
  run: async (scene) => {
    const { store, load } = scene;
    const others = store.ordinary();
    const disk = pickOne(others);
    const end = beginStall(scene.orders, disk);
    const beganMs = performance.now();
    const [writes, reads] = [load.acknowledged, load.reads];
    try {
      // It stalls until all this has happened, and for ten seconds at least.
      await scene.meet();
      await scene.readPopulation();
      await load.during(sleep(Math.max(0, stallMs - (performance.now() - beganMs))));
    } finally {
      end();
    }
    const during = `${load.acknowledged - writes} writes and ${load.reads - reads} reads`;
    const seconds = ((performance.now() - beganMs) / 1000).toFixed(1);
    return `${during} in a stall of ${seconds} s; ${await scene.healed("after the stall")}`;
  },
};

export const syncFailed: Scenario = {
  name: "one sync fails: what it should have made durable is written again elsewhere",
  run: async (scene) => {
    const { store, orders } = scene;
    const others = store.ordinary();
    const hasFailed = failOneSync(orders, pickOne(others));
    for (let rounds = 0; !hasFailed(); rounds++) {
      assert.ok(rounds < 50, "the disk was synced");
      await scene.meet();
    }
    await scene.meet();
    return scene.healed("after the failed sync");
  },
};
