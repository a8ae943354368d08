import { type DiskLabels, noLabels } from "../format/disk-labels.ts";
import { type DiskId, idText } from "../format/ids.ts";
import { DomainTree } from "../placement/domain-tree.ts";
import { Spread } from "../placement/spread.ts";
import type { DataDisk, ExtentDisks } from "./extent-files.ts";

/** A disk that may take a copy of what the index is made again from: the log, and snapshots. */
export interface CopyDisk {
  readonly id: DiskId;
  readonly labels: DiskLabels;
  /** The index itself is on it. */
  readonly holdsIndex: boolean;
}

/** The data directories as disks for copies. The one with the index is the first of them. */
export function copyDisks({
  disks,
  rows,
}: ExtentDisks): (CopyDisk & { readonly place: DataDisk })[] {
  return disks.map((place, i) => {
    const { id } = place;
    return { id, labels: rows?.get(id)?.labels ?? noLabels, holdsIndex: i === 0, place };
  });
}

/**
 * Chooses disks for copies, one at a time: each in the failure domain that has the fewest of them,
 * at the widest level where they differ, as members of extents are spread. Of disks that are as
 * good the one whose turn it is comes first, and the one with the index last: what is lost with the
 * index is of no use to make it again.
 */
export class CopySpread<D extends CopyDisk> {
  readonly #disks: readonly D[];
  readonly #spread: Spread;
  readonly #order: Float64Array;

  /** @param turn the place in the list of the disk that is chosen first; any whole number. */
  constructor(disks: readonly D[], turn: number) {
    this.#disks = disks;
    const tree = new DomainTree(
      disks.map(({ id, labels }) => ({ disk: id, name: idText(id), labels, weight: 1 })),
    );
    this.#spread = new Spread(tree, new Uint8Array(disks.length).fill(1));
    this.#order = Float64Array.from(disks, ({ holdsIndex }, place) => {
      const wait = (place - (turn % disks.length) + disks.length) % disks.length;
      return holdsIndex ? disks.length : wait;
    });
  }

  /** The next disk, which counts as having a copy; undefined where none is left. */
  next(): D | undefined {
    // holds: C1 index-copies-in-distinct-domains
    const place = this.#spread.best(this.#order);
    if (place === -1) return undefined;
    this.#spread.add(place);
    return this.#disks[place];
  }

  /** The disk did not take its copy, and is not asked again. */
  refused(disk: D): void {
    this.#spread.remove(this.#disks.indexOf(disk));
  }
}
