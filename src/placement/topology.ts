import type { DiskLabels } from "../format/disk-labels.ts";
import { type DiskId, idText } from "../format/ids.ts";
import { CopysetTable } from "./copysets.ts";
import { DomainTree, type TreeDisk } from "./domain-tree.ts";

/** What placement knows of a disk. */
export interface PlacementDisk {
  readonly disk: DiskId;
  readonly labels: DiskLabels;
  readonly capacityBytes: number;
  readonly freeBytes: number;
  /** The share of recent time in which it was busy, from 0 to 1. */
  readonly load: number;
  /** `readable`: it takes no new members. `gone`: what is on it cannot be read. */
  readonly health: "writable" | "readable" | "gone";
  /** Its members are being moved away, and it takes no new ones. */
  readonly isDraining: boolean;
}

/** The disks of a store as they are at one moment; it never changes. Made by `createTopology`. */
export interface Topology {
  /** Sorted by their ids. */
  readonly disks: readonly PlacementDisk[];
  readonly tree: DomainTree;
  readonly copysets: CopysetTable;
}

/**
 * @param before an earlier one of the same store: where no disk came, went, or changed its labels,
 *   its copysets are taken over, which take longer to make than all else.
 */
export function createTopology(disks: readonly PlacementDisk[], before?: Topology): Topology {
  const sorted = disks.toSorted((a, b) => (a.disk < b.disk ? -1 : 1));
  const shape = treeDisks(sorted);
  if (before?.tree.isOf(shape) === true) {
    return { disks: sorted, tree: before.tree, copysets: before.copysets };
  }
  const tree = new DomainTree(shape);
  return { disks: sorted, tree, copysets: new CopysetTable(tree) };
}

/** True where a new member may be put on it, if it has the space. */
export function takesMembers({ health, isDraining }: PlacementDisk): boolean {
  return health === "writable" && !isDraining;
}

/** The share of the disk that is used. */
export function fillOf({ capacityBytes, freeBytes }: PlacementDisk): number {
  return capacityBytes <= 0 ? 1 : 1 - freeBytes / capacityBytes;
}

/**
 * @limit How many times as often as a disk of median size the largest disk is in copysets. A disk
 * of more than eight times the median would have the same neighbours again and again.
 */
const weightMax = 8;

/** Disks with their weights: the capacity in multiples of the median one, rounded. */
function treeDisks(disks: readonly PlacementDisk[]): TreeDisk[] {
  const capacities = disks.map(({ capacityBytes }) => capacityBytes).toSorted((a, b) => a - b);
  const median = Math.max(1, capacities[Math.floor(capacities.length / 2)] ?? 1);
  return disks.map(({ disk, labels, capacityBytes, isDraining }) => {
    const weight = Math.min(weightMax, Math.max(1, Math.round(capacityBytes / median)));
    return { disk, name: idText(disk), labels, weight: isDraining ? 0 : weight };
  });
}
