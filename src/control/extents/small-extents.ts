import type { ExtentEntry } from "../../extent/extent-table.ts";
import type { ExtentId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";

/*
 * Which small extents are worth merging. One write every five minutes seals an extent every five
 * minutes: each of them is a file, and too small to be coded. Compaction copies what is alive in
 * several of them into one.
 *
 * So that no byte is copied again and again, extents are merged with those of about their size:
 * eight of a tier make one of the next, and a byte is copied once in each tier on its way up. As
 * copies are spread over all data directories, it takes eight for each of these. What is left at
 * any time are fewer than eight for each tier, class and directory.
 */

/** A tier holds eight times as much as the one before. */
const tierBits = 3;
/** The first tier ends at this size. */
const firstTierBytes = 4096;
/** @limit Merged at once, for each data directory: as many as fill one of the next tier. */
export const mergedAtOnceDefault = 2 ** tierBits;

export interface SmallExtentsOptions {
  /**
   * Extents with less than this alive are small: a quarter of a full one, so that merging makes
   * fewer of them.
   */
  readonly smallBytes: number;
  readonly dataDirectories: number;
  /** Merged at once, for each data directory. */
  readonly mergedAtOnce: number;
}

export class SmallExtents {
  readonly #options: SmallExtentsOptions;
  /** Small extents by class and tier. */
  readonly #tiers = new Map<string, Set<ExtentId>>();
  readonly #tierOf = new Map<ExtentId, string>();

  constructor(options: SmallExtentsOptions) {
    this.#options = options;
  }

  /**
   * Notes a reconciled extent as it is now; the extents that are to be merged, if it completes a
   * tier.
   */
  note(entry: ExtentEntry): readonly ExtentId[] {
    const { id, row } = entry;
    this.forget(id);
    const aliveBytes = row.length - extentHeaderBytes - row.deadBytes;
    const isWhole = row.members.every(({ state }) => state === "whole");
    if (aliveBytes >= this.#options.smallBytes || !isWhole) return [];
    const tier = `${row.storageClass} ${tierOf(aliveBytes)}`;
    const extents = this.#tiers.get(tier) ?? new Set();
    this.#tiers.set(tier, extents.add(id));
    this.#tierOf.set(id, tier);
    const { mergedAtOnce, dataDirectories } = this.#options;
    if (extents.size < mergedAtOnce * dataDirectories) return [];
    for (const one of extents) this.#tierOf.delete(one);
    this.#tiers.delete(tier);
    return [...extents];
  }

  forget(extent: ExtentId): void {
    const tier = this.#tierOf.get(extent);
    if (tier === undefined) return;
    this.#tierOf.delete(extent);
    this.#tiers.get(tier)?.delete(extent);
  }
}

function tierOf(bytes: number): number {
  return Math.max(0, Math.ceil(Math.log2(Math.max(bytes, 1) / firstTierBytes) / tierBits));
}
