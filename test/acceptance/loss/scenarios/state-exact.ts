import assert from "node:assert/strict";
import type { UnreadableReport } from "../../../../src/admin/work-pages.ts";
import { putBack, takeAway } from "../directory-faults.ts";
import { type FoundExtents, surveyFiles } from "../file-survey.ts";
import type { ManyDisks, StoreStatus } from "../many-disks.ts";
import { versionedBucket } from "../population.ts";
import type { Scene } from "../scene.ts";
import { nothingUnderWay, pickOne, pickSome, type Scenario } from "./scenario.ts";

/*
 * With nothing written and no repair, the state that the server shows must be that of the files:
 * at each step as many extents at full, reduced and no redundancy, and unreadable ones, as follows
 * from which of their files are on the disks that are there.
 */

/** Longer than the scenario takes: nothing is repaired meanwhile. */
const longAway = "10m";
const losses = 3;

type Levels = Readonly<Record<string, number>>;

/** The levels of extents of which only the files in these directories are there. */
function levelsWith(extents: FoundExtents, directories: readonly string[]): Levels {
  const levels: Record<string, number> = { full: 0, reduced: 0, none: 0, unreadable: 0 };
  for (const members of extents.values()) {
    const scheme = members[0]?.header.scheme;
    assert.ok(scheme !== undefined);
    const [width, needed] =
      scheme.kind === "coded" ? [scheme.data + scheme.parity, scheme.data] : [scheme.copies, 1];
    const there = members.filter(({ directory }) => directories.includes(directory)).length;
    const spare = there - needed;
    const level =
      spare < 0 ? "unreadable" : spare === 0 ? "none" : there < width ? "reduced" : "full";
    levels[level]! += 1; // one of the four
  }
  return levels;
}

function levelsShown({ redundancy }: StoreStatus): Levels {
  return Object.fromEntries(redundancy?.levels.map((one) => [one.level, one.extents]) ?? []);
}

const same = (one: Levels, other: Levels): boolean =>
  Object.entries(one).every(([level, count]) => other[level] === count);

export const stateExact: Scenario = {
  name: "the state that is shown is that of the files, at each loss and each return of a disk",
  isQuiet: true,
  run: async (scene) => {
    const { store } = scene;
    await restart(scene, longAway);
    await nothingUnderWay(scene);
    const extents = surveyFiles(store.directories);
    const away = pickSome(store.ordinary(), losses);
    const steps: string[] = [];
    const step = async (missing: readonly string[]): Promise<void> => {
      steps.push(levelsText(await assertState(store, extents, missing)));
    };
    await step([]);
    for (const [index, disk] of away.entries()) {
      takeAway(disk);
      await step(away.slice(0, index + 1));
    }
    for (const [index, disk] of away.entries()) {
      putBack(disk);
      await step(away.slice(index + 1));
    }
    await restart(scene);
    return `${extents.size} extents full/reduced/none/unreadable: ${steps.join(", ")}`;
  },
};

export const tooManyLost: Scenario = {
  name: "more disks lost than the scheme allows: the state shows it, and all is back with them",
  isQuiet: true,
  run: async (scene) => {
    const { store, population } = scene;
    await restart(scene, longAway);
    await nothingUnderWay(scene);
    const extents = surveyFiles(store.directories);
    const coded = [...extents.values()].filter(([one]) => one?.header.scheme.kind === "coded");
    const members = pickOne(coded);
    const scheme = members[0]?.header.scheme;
    assert.ok(scheme?.kind === "coded");
    const ordinary = store.ordinary();
    const used = members.map(({ directory }) => directory);
    const away = pickSome(
      used.filter((directory) => ordinary.includes(directory)),
      scheme.parity + 1,
    );
    for (const disk of away) takeAway(disk);
    const during = await assertState(store, extents, away);
    assert.ok((during["unreadable"] ?? 0) > 0);
    const unreadable = await population.readWhatCanBe(store.server.endpoint);
    assert.ok(unreadable.length > 0, "some objects cannot be read");
    await store.until("all that cannot be read is named", async () => {
      const named = await namedUnreadable(store);
      return unreadable.every((target) => named.has(target));
    });
    for (const disk of away) putBack(disk);
    await assertState(store, extents, []);
    await restart(scene);
    const lost = `${unreadable.length} of ${population.objects} objects were unreadable`;
    return `${away.length} disks away: ${levelsText(during)}, ${lost}; all is back with them`;
  },
};

/** Path and query of the objects that the server says cannot be read. */
async function namedUnreadable(store: ManyDisks): Promise<ReadonlySet<string>> {
  const report = await store.report("repair", "unreadable");
  const { objects } = report as UnreadableReport; // our own output
  return new Set(
    objects.map(({ bucket, key, versionId }) => {
      const version = bucket === versionedBucket ? `?versionId=${versionId}` : "";
      return `/${bucket}/${key}${version}`;
    }),
  );
}

/** Waits for the state that follows from the files, with the disks of these directories away. */
async function assertState(
  store: ManyDisks,
  extents: FoundExtents,
  missing: readonly string[],
): Promise<Levels> {
  const there = store.directories.filter((one) => !missing.includes(one));
  const want = levelsWith(extents, there);
  await store.until(
    `${missing.length} disks away: the state is ${JSON.stringify(want)}`,
    (status) => same(want, levelsShown(status)) && isComplete(status, missing.length === 0),
  );
  return want;
}

const levelsText = (levels: Levels): string => Object.values(levels).join("/");

/** Repair is done exactly if nothing is short. */
function isComplete({ redundancy }: StoreStatus, isWhole: boolean): boolean {
  return redundancy?.isWhole === isWhole;
}

async function restart({ store }: Scene, waitFor?: string): Promise<void> {
  await store.stop();
  await store.start(waitFor);
}
