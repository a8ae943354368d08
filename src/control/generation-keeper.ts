import { StoreError, isStoreError, messageOf } from "../base/errors.ts";
import type { Change } from "../engine/engine.ts";
import { presentDisks } from "../extent/extent-examination.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import type { Keymap } from "../keymap/keymap.ts";
import type { StoredStoreRow } from "../keymap/store-generation.ts";
import { advanceGeneration, requireStoreRow } from "../keymap/store-generation.ts";
import type { Platform } from "../platform/platform.ts";
import type { StepOutcome, Task } from "./task-loop.ts";

/*
 * Counts the store's generation up while it is in use, so that a copy of the index that was made
 * meanwhile, and put back later, is known to be older than the data directories (C9). What is
 * written between the copy and the next count is what such a copy could lack without being found
 * out by it.
 *
 * Tasks that remove files ask here first whether the index is still the one it was: one that was
 * copied over under running processes reads as an older generation.
 */

export interface GenerationOptions {
  readonly platform: Platform;
  readonly keymap: Keymap;
  readonly disks: ExtentDisks;
  readonly everyMs: number;
}

export class GenerationKeeper implements Task {
  readonly name = "generation";
  readonly #options: GenerationOptions;
  #notBeforeMs = 0;
  #seen = 0;

  constructor(options: GenerationOptions) {
    this.#options = options;
  }

  async step(): Promise<StepOutcome> {
    const { platform, keymap, disks, everyMs } = this.#options;
    if (platform.clock.monotonicMs() < this.#notBeforeMs) return "idle";
    const row = await this.assertOwnIndex();
    const commit = async (change: Omit<Change, "id">): Promise<boolean> => {
      const id = keymap.session.nextChangeId();
      return (await keymap.system.commit({ ...change, id })).outcome === "ok";
    };
    const present = await presentDisks(platform.clock, disks);
    const generation = await advanceGeneration({ platform, disks: present, commit }, row);
    this.#seen = generation ?? row.generation;
    this.#notBeforeMs = platform.clock.monotonicMs() + everyMs;
    return "idle";
  }

  /** StoreError `fenced`, which ends the process, where the index is not the one that it was. */
  async assertOwnIndex(): Promise<StoredStoreRow> {
    const { keymap, disks } = this.#options;
    try {
      return await requireStoreRow(keymap.system, { store: disks.store, generation: this.#seen });
    } catch (thrown) {
      if (!isStoreError(thrown, "missing") && !isStoreError(thrown, "foreign")) throw thrown;
      throw new StoreError("fenced", messageOf(thrown), { cause: thrown });
    }
  }
}
