import { isStoreError, messageOf } from "../../base/errors.ts";
import { readDiskGeneration } from "../../extent/disk-generation.ts";
import type { ExtentDisks } from "../../extent/extent-files.ts";
import type { Keymap } from "../../keymap/keymap.ts";
import { requireStoreRow } from "../../keymap/store-generation.ts";
import type { Platform } from "../../platform/platform.ts";
import type { CheckNotes } from "./report.ts";

export interface GenerationCheckOptions {
  readonly platform: Platform;
  readonly keymap: Keymap;
  readonly disks: ExtentDisks;
  readonly notes: CheckNotes;
}

/** Checks that no data directory has seen a newer generation than the index has. */
export async function checkGeneration(options: GenerationCheckOptions): Promise<void> {
  const { platform, keymap, disks, notes } = options;
  const seen = [];
  // Before the index, which is never behind them.
  for (const place of disks.disks) {
    const disk = place.disk.name;
    try {
      seen.push({
        disk,
        generation: await readDiskGeneration(platform.hash, disks.store, place),
      });
    } catch (thrown) {
      if (!isStoreError(thrown)) throw thrown;
      notes.problem(thrown.code === "missing" ? "missing" : "corrupt", disk, messageOf(thrown));
    }
  }
  const { generation } = await requireStoreRow(keymap.system, {
    store: disks.store,
    generation: 0,
  });
  notes.generation = { index: generation, disks: seen };
  for (const one of seen.filter((disk) => disk.generation > generation)) {
    const message = `it has seen generation ${one.generation}, the index is at ${generation}: the index is an older copy`;
    notes.problem("inconsistent", one.disk, message);
  }
}
