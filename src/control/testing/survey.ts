import { scanAll } from "../../engine/scan-pages.ts";
import type { ExtentId } from "../../format/ids.ts";
import { space, spaceRange } from "../../format/row-keys.ts";
import { bytesWithin, walkRecords } from "../extents/extent-walk.ts";
import { Liveness } from "../extents/liveness.ts";
import { Manifests } from "../extents/manifests.ts";
import type { TestMachine, TestProcess } from "./processes.ts";

export interface Survey {
  /** Record bytes that a row refers to, and that none does. */
  readonly aliveBytes: number;
  readonly deadBytes: number;
  /**
   * Extents whose row counts other dead bytes than there are, although nothing is left to drain.
   */
  readonly miscounted: readonly ExtentId[];
  readonly extents: number;
  readonly files: number;
  /** Garbage rows and batches. */
  readonly undrained: number;
}

/** Looks at every record of every extent that is no longer open. */
export async function survey(machine: TestMachine, process: TestProcess): Promise<Survey> {
  const liveness = new Liveness(process.keymap, new Manifests(process));
  const { signal } = new AbortController();
  const miscounted: ExtentId[] = [];
  const total = { aliveBytes: 0, deadBytes: 0 };
  const entries = await process.table.list(undefined, 1000);
  for (const entry of entries) {
    if (entry.row.state === "open") continue;
    let dead = 0;
    for await (const seen of walkRecords(process, entry, signal)) {
      const bytes = bytesWithin(entry, seen);
      const isAlive =
        seen.kind === "record" && (await liveness.referentOf(seen.header)) !== undefined;
      if (isAlive) total.aliveBytes += bytes;
      else dead += bytes;
    }
    total.deadBytes += dead;
    if (entry.row.state === "reconciled" && entry.row.deadBytes !== dead) miscounted.push(entry.id);
  }
  let undrained = 0;
  for (const one of [space.garbage, space.garbageBatches]) {
    undrained += (await scanAll(machine.partition, spaceRange(one))).length;
  }
  const files = [...machine.disk.files.keys()].filter((path) => path.endsWith(".extent")).length;
  return { ...total, miscounted, extents: entries.length, files, undrained };
}
