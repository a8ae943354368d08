import { isStoreError } from "../base/errors.ts";
import { putLogPosition, replayOf } from "../engine/logged-engine.ts";
import { createMemoryEngine, type MemoryEngine } from "../engine/memory-engine.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import { logQuorumKey } from "../format/row-keys.ts";
import { commitEarly } from "../keymap/first-rows.ts";
import type { Platform } from "../platform/platform.ts";
import { keepWhatIs, LaterExtents, requireInWindow } from "../server/earlier-index.ts";
import { rebuildIndex } from "../server/index-recovery.ts";
import { newLogPosition } from "../server/new-log-position.ts";
import { numbersOfDisks } from "../server/numbers-of-disks.ts";
import { Violation } from "./history.ts";
import { checkHistory, checkReport } from "./judge.ts";
import type { Machine } from "./machine.ts";
import type { Moment } from "./restore-window.ts";
import { newIndexOf, recoverSimulated } from "./start-store.ts";
import { readEverything } from "./workload.ts";
import type { ClientSession, WorkloadContext } from "./workload/context.ts";

/*
 * The index is restored to a moment of the run, as `holdfast index restore --to` does, and the store
 * is started with it. All that the clients knew at that moment must be there, with its bytes,
 * whatever was deleted, overwritten, moved or lost since (C5).
 */

/** Time until it is looked again whether the background worker serves, or all is whole. */
const lookMs = 1000;
/** The inventory comes by once a minute, and repair after it. */
const looksMax = 600;

/**
 * Restores the index of a healed machine to one of these moments that are within the restore
 * window, and judges what can be read; false where there is none.
 */
export async function judgeRestored(
  session: ClientSession,
  moments: readonly Moment[],
): Promise<boolean> {
  const { context } = session;
  const { machine } = context;
  const moment = await restore(machine, fromSome(session.random.below(moments.length), moments));
  if (moment === undefined) return false;
  machine.log("operator", `the index is restored to ${moment.toMs}, tick ${moment.start}`);
  // Nothing is wrong with disks any more but what was damaged before.
  const excused = new Set([...context.excused].filter((code) => code === "corrupt"));
  const onOperation = (): void => undefined;
  const past = { ...context, asOf: moment, excused, onOperation };
  await readEverything(session.in(past), past);
  checkHistory(past);
  while (machine.background === undefined) await session.sleep(lookMs);
  await untilClean(session.in(past), past);
  return true;
}

/** Members that were away at that moment, or are as they were before, are noted and made again. */
async function untilClean(session: ClientSession, past: WorkloadContext): Promise<void> {
  for (let looks = 1; ; looks++) {
    try {
      await checkReport(past, { mayHaveStrays: true });
      return;
    } catch (thrown) {
      if (!(thrown instanceof Violation) || looks === looksMax) throw thrown;
      await session.sleep(lookMs);
    }
  }
}

/** All of them, beginning with one. */
function fromSome(first: number, moments: readonly Moment[]): readonly Moment[] {
  return [...moments.slice(first), ...moments.slice(0, first)];
}

async function restore(machine: Machine, moments: readonly Moment[]): Promise<Moment | undefined> {
  machine.halt();
  const { process, platform } = machine.newProcess("operator");
  const disks = await machine.directories.openAll(process);
  await recoverSimulated(platform, machine.engine, disks);
  const newest = machine.engine.copy();
  let restored: Moment | undefined;
  for (const moment of moments) {
    const { toMs } = moment;
    try {
      await requireInWindow({ platform, newest, disks, toMs });
    } catch (error) {
      if (!isStoreError(error, "invalid")) throw error;
      continue;
    }
    await machine.engine.restore(await earlierIndex(platform, disks, newest, toMs));
    restored = moment;
    break;
  }
  process.kill();
  await machine.boot();
  return restored;
}

/** What `holdfast index restore` does (node/store/restore-index.ts). */
async function earlierIndex(
  platform: Platform,
  disks: ExtentDisks,
  newest: MemoryEngine,
  toMs: number,
): Promise<MemoryEngine> {
  const isWanted = ({ wallMs }: { readonly wallMs: number }): boolean => wallMs <= toMs;
  let index = createMemoryEngine();
  const { position } = await rebuildIndex({ platform, disks, isWanted }, async () => {
    index = createMemoryEngine();
    return newIndexOf(await replayOf(index), () => Promise.resolve());
  });
  const { signal } = new AbortController();
  const later = await LaterExtents.read(platform, disks, position, signal);
  await keepWhatIs({ platform, index, newest, later });
  await (await numbersOfDisks({ platform, index, disks })).take();
  await commitEarly(platform, index, { checks: [], puts: [], deletes: [logQuorumKey()] });
  await putLogPosition(index, await newLogPosition({ platform, disks }));
  return index;
}
