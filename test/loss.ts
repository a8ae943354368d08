// Disks that are lost, emptied, swapped, stalled, hanging, spoiled or replaced under a real server
// of 18 data directories, with load running all the time: in three zones (RS(8,4)) and without
// zones (RS(10,4)). No read fails or answers a wrong byte, no acknowledged write is lost, and
// repair brings everything back to its redundancy. Without --seconds each scenario runs in both
// stores; with it, in one of them, and those that would begin later are left out (two run in any
// case). --only takes a pattern of names, as they are shown: "no zones: .*four disks".
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import assert from "node:assert/strict";
import { checkData } from "./acceptance/holdfast-server.ts";
import { Scene } from "./acceptance/loss/scene.ts";
import * as directories from "./acceptance/loss/scenarios/directories.ts";
import { fourDisksLost, oneDiskLost, zoneLost } from "./acceptance/loss/scenarios/disks-lost.ts";
import { flippedBits } from "./acceptance/loss/scenarios/flipped-bits.ts";
import { full } from "./acceptance/loss/scenarios/full-disk.ts";
import { hangs, indexDiskHangs } from "./acceptance/loss/scenarios/hanging-disk.ts";
import * as index from "./acceptance/loss/scenarios/index-lost.ts";
import { drainedAndReplaced } from "./acceptance/loss/scenarios/operations.ts";
import type { Scenario } from "./acceptance/loss/scenarios/scenario.ts";
import { stateExact, tooManyLost } from "./acceptance/loss/scenarios/state-exact.ts";
import { stalled, syncFailed } from "./acceptance/loss/scenarios/slow-disks.ts";
import { type Case, runSuite } from "./acceptance/suite.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string" },
    only: { type: "string", default: "" },
    mebibytes: { type: "string", default: "48" },
  },
});

/** What matters most comes first: a run of limited time has these. */
const scenarios: readonly Scenario[] = [
  zoneLost,
  stateExact,
  index.indexGone,
  fourDisksLost,
  tooManyLost,
  flippedBits,
  oneDiskLost,
  syncFailed,
  stalled,
  hangs,
  indexDiskHangs,
  full,
  drainedAndReplaced,
  directories.unmounted,
  directories.emptied,
  directories.swapped,
  directories.restoredFromCopy,
  directories.foreign,
  index.indexDiskLost,
  index.indexDiskEmptied,
  index.indexDiskLostAtRest,
  index.indexAndZoneLostAtRest,
];
/** However slow the machine is. */
const scenariosMin = 2;

const seconds = Number(values.seconds ?? Number.POSITIVE_INFINITY);
const wanted = new RegExp(values.only);
let scenariosRun = 0;
/** Stores in which a scenario has failed: later ones in them would say nothing. */
const failed = new Set<Scene>();

const isOver = (): boolean => scenariosRun >= scenariosMin && performance.now() > seconds * 1000;

function casesOf(scene: Scene, layout: string): Case[] {
  const own = scenarios.filter(({ name, needsZones }) => {
    return wanted.test(`${layout}: ${name}`) && (scene.hasZones || needsZones !== true);
  });
  if (own.length === 0) return [];
  const cases = own.map((scenario): Case => {
    return {
      name: `${layout}: ${scenario.name}`,
      get skip() {
        if (failed.has(scene)) return "an earlier one has failed in this store";
        if (isOver()) return `the ${seconds} s of this run are over`;
        return scenario.cannotRun?.();
      },
      run: async () => {
        scenariosRun++;
        const run = (): Promise<string> => scenario.run(scene);
        return orFailed(scene, () =>
          scenario.isQuiet === true ? scene.quietly(run) : scene.underLoad(run),
        );
      },
    };
  });
  return [
    {
      name: `${layout}: a store is filled, and what was written is coded`,
      run: () => orFailed(scene, () => scene.begin()),
    },
    ...cases,
    { name: `${layout}: \`holdfast check\` is clean afterwards`, run: () => check(scene) },
  ];
}

async function orFailed(scene: Scene, run: () => Promise<string>): Promise<string> {
  try {
    return await run();
  } catch (thrown) {
    failed.add(scene);
    throw thrown;
  }
}

async function check({ store }: Scene): Promise<string> {
  await store.stop();
  const { code, output } = await checkData(store.directories);
  assert.equal(code, 0, output);
  return `${scenariosRun} scenarios so far`;
}

const folder = mkdtempSync(join(tmpdir(), "holdfast-loss-"));
const populationBytes = Number(values.mebibytes) * 1024 * 1024;
const zones = new Scene({ folder: join(folder, "zones"), hasZones: true, populationBytes });
const flat = new Scene({ folder: join(folder, "flat"), hasZones: false, populationBytes });
process.on("exit", (code) => {
  for (const { store } of [zones, flat]) store.kill();
  if (code === 0) rmSync(folder, { recursive: true, force: true });
  else console.log(`what is left of it, with the server's log: ${folder}`);
});
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(1));

await runSuite([
  ...casesOf(zones, "three zones"),
  ...(values.seconds === undefined ? casesOf(flat, "no zones") : []),
]);
