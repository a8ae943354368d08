import type { ReplayTarget } from "../engine/replay.ts";
import { localLogDisks } from "../extent/local-log-members.ts";
import { findSegments } from "../extent/log-scan.ts";
import type { NewIndex, SparseRecord } from "../server/index-recovery.ts";
import { rebuildIndex, rollForward } from "../server/index-recovery.ts";
import type { SimEngine } from "./engine.ts";
import type { Engine } from "../engine/engine.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import type { Platform } from "../platform/platform.ts";
import { beginGeneration, claimIndex, requireOwnIndex } from "../server/index-ownership.ts";
import type { MachineDisks } from "./machine-disks.ts";
import { mountDisks } from "../keymap/disk-changes.ts";
import { changeDisks, earlyRegistryOf } from "../keymap/disk-registry.ts";
import { isRefusal } from "../base/refusal.ts";
import { engineName } from "./roles.ts";

/**
 * Does the supervisor's part of a start, before any other process opens the index; returns the
 * generation that begins.
 */
export async function startStore(
  platform: Platform,
  index: Engine,
  disks: ExtentDisks,
  noted: MachineDisks | undefined,
): Promise<number> {
  await claimIndex({ platform, index, engineName, disks }, "the simulated machine");
  const { generation } = await requireOwnIndex({ platform, index, disks });
  if (noted !== undefined) await noteDisks(platform, index, noted);
  return beginGeneration({ platform, index, disks }, generation);
}

/** Notes in the registry where disks are; those that are new to it with their labels. */
async function noteDisks(
  platform: Platform,
  index: Engine,
  directories: MachineDisks,
): Promise<void> {
  const plan = mountDisks(directories.mounts(), platform.clock.now(), "add");
  await changeDisks(earlyRegistryOf(platform, index), (rows) => {
    const noted = plan(rows);
    if (isRefusal(noted)) return noted;
    return noted.map((row) => {
      const isKnown = rows.some(({ disk }) => disk === row.disk);
      return isKnown ? row : { ...row, labels: directories.labelsOf(row.disk) };
    });
  });
}

/**
 * Does what a start does with an index that has a log: moves it to the log's end, or makes it again
 * where it is lost. Returns the last record if it stands in too few places. StoreError where so few
 * of the disks are there that another one could be on the others.
 */
export async function recoverSimulated(
  platform: Platform,
  engine: SimEngine,
  disks: ExtentDisks,
): Promise<SparseRecord | undefined> {
  const target = await engine.replay();
  const options = { platform, disks };
  if (target.position.sequence > 0) return (await rollForward(options, target)).sparse;
  const { segments } = await findSegments(
    platform.hash,
    disks.store,
    localLogDisks(platform.hash, disks),
  );
  // Only a store that never committed has none.
  if (segments.length === 0) return undefined;
  const giveUp = async (): Promise<void> => engine.harm("lose the index");
  const made = await rebuildIndex(options, async () => newIndexOf(await engine.replay(), giveUp));
  return made.sparse;
}

/** A target of a replay that is an index of its own. */
export function newIndexOf(target: ReplayTarget, giveUp: () => Promise<void>): NewIndex {
  return {
    reader: target.reader,
    get position() {
      return target.position;
    },
    putRows: (rows) => target.putRows(rows),
    setPosition: (position) => target.setPosition(position),
    apply: (records) => target.apply(records),
    giveUp,
  };
}
