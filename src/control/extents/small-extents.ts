import { must } from "../../base/assert.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import { extentClassText } from "../../format/extent-row.ts";
import type { ExtentId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";

/*
 * Which small extents are worth merging. One write every five minutes seals an extent every five
 * minutes: each of them is a file, and too small to be coded. Compaction copies what is alive in
 * several of them into one.
 *
 * So that no byte is copied again and again, extents are merged with those of about their size:
 * eight of a tier make one of the next, and a byte is copied once in each tier on its way up. All
 * tiers of a class are merged once they come to twice what is small together: what that makes is
 * not small any more, also where it is written to two extents. Copies of a class go to one open
 * extent. What is left of a class at any time are fewer than eight extents for each tier, and less
 * than that many bytes.
 */

/** A tier holds eight times as much as the one before. */
const tierBits = 3;
/** The first tier ends at this size. */
const firstTierBytes = 4096;
/** @limit Merged at once: as many as fill one of the next tier. */
export const mergedAtOnceDefault = 2 ** tierBits;

export interface SmallExtentsOptions {
  /**
   * Extents with less than this alive are small: a quarter of a full one, so that merging makes
   * fewer of them.
   */
  readonly smallBytes: number;
  /** Extents of a tier that are merged at once. */
  readonly mergedAtOnce: number;
}

interface SmallExtent {
  readonly className: string;
  readonly tier: number;
  readonly bytes: number;
}

export class SmallExtents {
  readonly #options: SmallExtentsOptions;
  readonly #known = new Map<ExtentId, SmallExtent>();
  /** Small extents by class. */
  readonly #classes = new Map<string, Set<ExtentId>>();

  constructor(options: SmallExtentsOptions) {
    this.#options = options;
  }

  /**
   * Notes a reconciled extent as it is now; the extents that are to be merged, if it completes a
   * tier, or enough for a large extent.
   */
  note(entry: ExtentEntry): readonly ExtentId[] {
    const { id, row } = entry;
    this.forget(id);
    const bytes = row.length - extentHeaderBytes - row.deadBytes;
    const isWhole = row.members.every(({ state }) => state === "whole");
    if (bytes >= this.#options.smallBytes || !isWhole) return [];
    const className = extentClassText(row);
    const tier = tierOf(bytes);
    const extents = this.#classes.get(className) ?? new Set();
    this.#classes.set(className, extents.add(id));
    this.#known.set(id, { className, tier, bytes });
    const merged = this.#toMerge(extents, tier);
    for (const one of merged) this.forget(one);
    return merged;
  }

  forget(extent: ExtentId): void {
    const known = this.#known.get(extent);
    if (known === undefined) return;
    this.#known.delete(extent);
    this.#classes.get(known.className)?.delete(extent);
  }

  #toMerge(ofClass: ReadonlySet<ExtentId>, tier: number): readonly ExtentId[] {
    const { smallBytes, mergedAtOnce } = this.#options;
    const all = [...ofClass];
    const small = all.map((id) => must(this.#known.get(id), "what is listed is known"));
    const bytes = small.reduce((sum, one) => sum + one.bytes, 0);
    if (all.length > 1 && bytes >= 2 * smallBytes) return all;
    const ofTier = all.filter((_, index) => small[index]?.tier === tier);
    return ofTier.length < mergedAtOnce ? [] : ofTier;
  }
}

function tierOf(bytes: number): number {
  return Math.max(0, Math.ceil(Math.log2(Math.max(bytes, 1) / firstTierBytes) / tierBits));
}
