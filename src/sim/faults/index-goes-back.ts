import { createMemoryEngine } from "../../engine/memory-engine.ts";
import {
  decodeDiskGeneration,
  diskGenerationFile,
  diskGenerationFileBytes,
} from "../../format/data-directory.ts";
import { readStoreRow } from "../../keymap/store-generation.ts";
import type { Machine } from "../machine.ts";
import type { FaultKind } from "./fault.ts";

/*
 * In place of the index there is an empty one (its disk is not mounted), or a copy that was made
 * some time ago. While it is so every start is refused: whether the whole machine starts, or a
 * process that was killed under a supervisor that still runs. No file is touched and nothing is
 * committed (C9). Then the right index is put back, and everything acknowledged is there: that is
 * for the judge.
 */

export const indexGoesBack: FaultKind = {
  name: "index goes back",
  weight: 2,
  excuses: [],
  plan(random) {
    const isEmpty = random.chance(0.4);
    const scope = random.chance(0.5) ? "power" : "processes";
    const copiedMs = random.pick([100, 5000, 30_000]);
    const forMs = random.pick([2000, 2000, 10_000]);
    return async ({ machine, afterMs, onHeal }) => {
      const copy = isEmpty ? createMemoryEngine() : machine.engine.copy();
      const generation = (await readStoreRow(copy))?.generation ?? -1;
      let isOver = false;
      const end = (): void => {
        if (!isOver) machine.putIndexBack();
        isOver = true;
      };
      afterMs(copiedMs, () => {
        if (isOver) return;
        machine.log("nemesis", `${isEmpty ? "an empty index" : "an older index"}, ${scope}`);
        // A supervisor that is starting has looked at the right index, and goes on with what it
        // does: it goes, too.
        if (scope === "power" || machine.isStarting) machine.cutPower();
        else machine.killAll();
        // A copy of this very generation cannot be distinguished from the index: what it may lack
        // is what no start can know.
        if (generation >= generationOnDisks(machine)) return;
        machine.takeIndexBack(copy);
        afterMs(forMs, end);
      });
      onHeal(end);
    };
  },
};

/** The highest that any data directory has seen. */
function generationOnDisks({ disks, options }: Machine): number {
  const seen = disks.map((disk) => {
    const bytes = new Uint8Array(diskGenerationFileBytes);
    disk.files().get(diskGenerationFile)?.read(bytes, 0);
    return decodeDiskGeneration(options.hash, bytes)?.generation ?? 0;
  });
  return Math.max(...seen);
}
