import { toHex } from "../base/bytes.ts";
import { isStoreError, type StoreErrorCode } from "../base/errors.ts";
import type { Engine } from "../engine/engine.ts";
import { logPositionOf, logQuorumRowOf, replayOf } from "../engine/logged-engine.ts";
import { createMemoryEngine } from "../engine/memory-engine.ts";
import { scanAll } from "../engine/scan-pages.ts";
import type { DiskId } from "../format/ids.ts";
import { decodeLogQuorumRow } from "../format/log-quorum-row.ts";
import { isDiskError } from "../platform/disk.ts";
import type { DatedCommit } from "../server/index-recovery.ts";
import { rebuildIndex } from "../server/index-recovery.ts";
import { Violation } from "./history.ts";
import type { Machine } from "./machine.ts";
import { newIndexOf } from "./start-store.ts";

/** Snapshots and segments that are read may be trimmed meanwhile. */
const triesMax = 20;

const everything = { start: Uint8Array.of(0), end: Uint8Array.of(0xff) };

/**
 * The index as snapshot and log have it is the one that is served: also without any one of three
 * disks, of which two acknowledge each commit. Without all disks of a failure domain and those that
 * do not count it is that one or is refused, where the log needs two domains.
 */
export async function checkRebuilt(machine: Machine): Promise<void> {
  if (!machine.options.isLogged) return;
  const count = machine.disks.length;
  for (let without = count > 2 ? count : 0; without >= 0; without--) {
    await compareWithout(machine, (_, i) => i === without - 1);
  }
  const row = await logQuorumRowOf(machine.engine.copy());
  const { domains = [] } = row === undefined ? {} : decodeLogQuorumRow(row);
  const counting = new Set(domains.flat());
  for (const domain of domains) {
    const isLost = (id: DiskId): boolean => domain.includes(id) || !counting.has(id);
    await compareWithout(machine, isLost, "unavailable", "missing");
  }
}

async function compareWithout(
  machine: Machine,
  isLost: (disk: DiskId, place: number) => boolean,
  ...mayBe: readonly StoreErrorCode[]
): Promise<void> {
  const { process, platform } = machine.newProcess("judge");
  const { lock } = machine.engine.logged;
  await lock.take(process);
  try {
    const live = machine.engine.copy();
    const { sequence } = await logPositionOf(live);
    const isWanted = (commit: DatedCommit): boolean => commit.sequence <= sequence;
    const { store, disks } = await machine.directories.openAll(process);
    const seen = { store, disks: disks.filter(({ id }, i) => !isLost(id, i)) };
    const lost = disks.filter(({ id }, i) => isLost(id, i)).map(({ disk }) => disk.name);
    for (let tries = 1; ; tries++) {
      let made = createMemoryEngine();
      try {
        await rebuildIndex({ platform, disks: seen, isWanted }, async () => {
          made = createMemoryEngine();
          return newIndexOf(await replayOf(made), () => Promise.resolve());
        });
        await compare(live, made, lost);
        return;
      } catch (error) {
        if (mayBe.some((code) => isStoreError(error, code))) return;
        if (!(isStoreError(error) || isDiskError(error)) || tries === triesMax) throw error;
      }
    }
  } finally {
    lock.release(process);
    process.kill();
  }
}

async function compare(live: Engine, made: Engine, lost: readonly string[]): Promise<void> {
  const textOf = async (engine: Engine): Promise<Map<string, string>> => {
    const rows = await scanAll(engine, everything);
    return new Map(rows.map(({ key, value }) => [toHex(key), toHex(value)]));
  };
  const [wanted, found] = [await textOf(live), await textOf(made)];
  const differs = [...new Set([...wanted.keys(), ...found.keys()])].find(
    (key) => wanted.get(key) !== found.get(key),
  );
  if (differs === undefined) return;
  const without = lost.length === 0 ? "" : ` without ${lost.join(", ")}`;
  throw new Violation(`C1: the index made again${without} has another row ${differs}`);
}
