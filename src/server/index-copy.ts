import { StoreError } from "../base/errors.ts";
import type { EngineReader } from "../engine/engine.ts";
import { logPositionOf } from "../engine/logged-engine.ts";
import { type NewIndex, rebuildIndex, type RecoveryOptions, rollTo } from "./index-recovery.ts";

/*
 * A copy of the index, made while the store is served: from the newest snapshot and the commit log
 * behind it, then moved on to where the index is by now, as often as it takes to be close behind.
 *
 * Of two records with one number the last one of a log may be the wrong one, and records are
 * appended while the log is read. So each step ends at a record that the index itself has
 * committed: the copy is what the index was then, whatever else is in the log.
 */

/** @limit A copy that lacks no more commits is moved on to the end within a second. */
const lagCommits = 1_000;
/** @limit Steps that a copy is moved on by, before writes are taken to come too fast for it. */
const stepsMax = 64;

export type ServedCopyOptions = Pick<
  RecoveryOptions,
  "platform" | "disks" | "onProgress" | "signal" | "recordsAtOnce"
> & {
  /** The index that is served. */
  readonly index: EngineReader;
  readonly lagCommitsMax?: number | undefined;
};

/**
 * Copies the index into one that `makeIndex` makes, once for each snapshot that is tried. It lacks
 * at most the commits of the last moment. StoreError `missing` where snapshot and log do not lead
 * to it, `overloaded` where the copy does not come close.
 */
export async function copyServedIndex<Made extends NewIndex>(
  { index, lagCommitsMax = lagCommits, ...options }: ServedCopyOptions,
  makeIndex: () => Promise<Made>,
): Promise<Made> {
  const upTo = await logPositionOf(index);
  const { index: copy } = await rebuildIndex({ ...options, upTo }, makeIndex);
  try {
    for (let step = 0; step < stepsMax; step++) {
      const now = await logPositionOf(index);
      if (now.sequence - copy.position.sequence <= lagCommitsMax) return copy;
      await rollTo(options, copy, now);
    }
    throw new StoreError("overloaded", "writes come faster than a copy of the index follows them");
  } catch (thrown) {
    await copy.giveUp();
    throw thrown;
  }
}
