import assert from "node:assert/strict";
import { cpSync, readFileSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { FreezingDisk } from "../../../../src/node/testing/freezing-disk.ts";
import { processTree, untilGone } from "../../processes.ts";
import { beginStall } from "../fault-orders.ts";
import type { Scene } from "../scene.ts";
import { whileProcessesStart } from "./index-lost.ts";
import { pickOne, type Scenario, wholeAgain } from "./scenario.ts";

/** However busy the machine is; without a limit a start would wait for the disk. */
const startMsMax = 120_000;

export const hangs: Scenario = {
  name: "a disk hangs for good: it is taken out, repair goes on without it, and so does a start",
  run: async (scene) => {
    const { store, load, orders } = scene;
    const disk = pickOne(store.ordinary());
    const end = beginStall(orders, disk);
    const notes: string[] = [];
    try {
      await load.during(
        store.until(`${disk} is said to give no answer`, ({ disks }) =>
          disks.some(({ name, state }) => name === disk && state === "no_answer"),
        ),
      );
      await scene.meet();
      await scene.readPopulation();
      await load.during(
        store.until(`${disk} is out`, ({ disks }) =>
          disks.some(({ name, registryState }) => name === disk && registryState === "out"),
        ),
      );
      notes.push(await scene.healed("without the disk that hangs", disk));
      notes.push(await startAgain(scene, disk));
      await scene.readPopulation();
    } finally {
      end();
    }
    await load.during(
      store.until(`${disk} is taken in`, ({ disks }) =>
        disks.some(({ name, isMounted, state }) => name === disk && isMounted && state === "ok"),
      ),
    );
    await store.command("disk", "resume", disk);
    return [...notes, await wholeAgain(scene)].join("; ");
  },
};

/** However busy the machine is: 10 s until it is noticed, the end of the processes, a start. */
const takeoverMsMax = 120_000;

export const indexDiskHangs: Scenario = {
  name: "the disk of the index hangs while serving: the index is made again on another",
  cannotRun: () => FreezingDisk.whyNot(),
  run: async (scene) => {
    const { store, load } = scene;
    const disk = store.homeNow();
    let own = undefined as FreezingDisk | undefined; // set in a callback
    await whileProcessesStart(scene, async () => {
      await store.stop();
      own = ontoOwnFileSystem(disk);
      await store.start();
    });
    assert.ok(own !== undefined);
    const { pid } = store.server;
    const notes: string[] = [];
    const beganMs = performance.now();
    store.failures.mayBreak = true;
    own.freeze();
    try {
      await load.during(store.logged("index_home_changed", takeoverMsMax));
      await load.progress(40, 80);
      notes.push(`served again after ${((performance.now() - beganMs) / 1000).toFixed(1)} s`);
      await scene.readPopulation();
      notes.push(await scene.healed("without the disk that hangs", disk));
    } finally {
      own.answer();
    }
    await load.during(
      store.until(`${disk} is taken in`, ({ disks }) =>
        disks.some(({ name, isMounted, state }) => name === disk && isMounted && state === "ok"),
      ),
    );
    store.failures.mayBreak = false;
    assert.equal(store.server.pid, pid, "nobody started the server again");
    assert.notEqual(store.homeNow(), disk);
    notes.push(await scene.saysHealed("once it answers"));
    await whileProcessesStart(scene, async () => {
      await store.stop();
      offOwnFileSystem(disk, own);
      await store.start();
    });
    return notes.join("; ");
  },
};

/** Nobody uses the disk meanwhile. */
function ontoOwnFileSystem(disk: string): FreezingDisk {
  const before = `${disk}-before`;
  renameSync(disk, before);
  const own = new FreezingDisk(disk);
  cpSync(before, disk, { recursive: true, preserveTimestamps: true });
  rmSync(before, { recursive: true });
  return own;
}

function offOwnFileSystem(disk: string, own: FreezingDisk | undefined): void {
  const after = `${disk}-after`;
  cpSync(disk, after, { recursive: true, preserveTimestamps: true });
  own?.[Symbol.dispose]();
  rmdirSync(disk);
  renameSync(after, disk);
}

/** All processes are killed, and started while the disk hangs: nothing waits for it. */
async function startAgain(scene: Scene, disk: string): Promise<string> {
  const { store } = scene;
  const logBytes = readFileSync(store.logFile).length;
  await whileProcessesStart(scene, async () => {
    const tree = processTree(store.server.pid);
    for (const { pid } of tree) process.kill(pid, "SIGKILL");
    await untilGone(tree);
    await store.start();
  });
  const { startMs } = store.server;
  const seconds = (startMs / 1000).toFixed(1);
  assert.ok(startMs < startMsMax, `a start with a disk that hangs took ${seconds} s`);
  const lines = readFileSync(store.logFile).subarray(logBytes).toString().split("\n");
  const isNamed = lines.some((line) => line.includes("disk_missing") && line.includes(disk));
  assert.ok(isNamed, "the start names the disk that gives no answer");
  return `started without it in ${seconds} s`;
}
