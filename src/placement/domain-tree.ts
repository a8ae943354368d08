import { type DiskLabels, labelNames } from "../format/disk-labels.ts";
import type { DiskId } from "../format/ids.ts";
import { type DomainLevel, domainLevels, domainName } from "./failure-domain.ts";

/** A disk as far as copysets depend on it. */
export interface TreeDisk {
  readonly disk: DiskId;
  /** The text of its id. */
  readonly name: string;
  readonly labels: DiskLabels;
  /** How often it is in copysets, compared with others; 0 for never. */
  readonly weight: number;
}

/** The failure domains of one level. */
interface DomainsOfLevel {
  readonly level: DomainLevel;
  /** The number of each disk's domain. */
  readonly domainOf: Int32Array;
  /** The disks of each domain, by their places. */
  readonly disksOf: readonly (readonly number[])[];
}

/** Failure domains of disks, which are named by their places in the list. */
export class DomainTree {
  readonly disks: readonly TreeDisk[];
  readonly #places: ReadonlyMap<DiskId, number>;
  readonly #levels: ReadonlyMap<DomainLevel, DomainsOfLevel>;
  /**
   * The levels that divide the disks, the widest first: those with several domains, some of them
   * with several disks. A set's disks differ anyway, so levels of one disk each decide nothing.
   */
  readonly dividing: readonly DomainsOfLevel[];

  constructor(disks: readonly TreeDisk[]) {
    this.disks = disks;
    this.#places = new Map(disks.map(({ disk }, place) => [disk, place]));
    const levels = domainLevels.map((level) => domainsOfLevel(disks, level));
    this.#levels = new Map(levels.map((each) => [each.level, each]));
    this.dividing = levels.filter(({ disksOf }) => {
      return disksOf.length > 1 && disksOf.length < disks.length;
    });
  }

  /** The disk's place in the list; undefined where it is not in it. */
  placeOf(disk: DiskId): number | undefined {
    return this.#places.get(disk);
  }

  /** The number of a disk's domain among those of the level. */
  domainOf(level: DomainLevel, place: number): number {
    return this.#level(level).domainOf[place]!;
  }

  #level(level: DomainLevel): DomainsOfLevel {
    return this.#levels.get(level)!; // there is one for each
  }

  /** True if a tree of these disks would be the same. */
  isOf(disks: readonly TreeDisk[]): boolean {
    if (disks.length !== this.disks.length) return false;
    return this.disks.every((one, place) => {
      const { disk, labels, weight } = disks[place]!;
      if (one.disk !== disk || one.weight !== weight) return false;
      return labelNames.every((name) => one.labels[name] === labels[name]);
    });
  }
}

function domainsOfLevel(disks: readonly TreeDisk[], level: DomainLevel): DomainsOfLevel {
  const numbers = new Map<string, number>();
  const disksOf: number[][] = [];
  const domainOf = Int32Array.from(disks, ({ name: self, labels }, place) => {
    const name = domainName(labels, level, self);
    const number = numbers.get(name) ?? numbers.size;
    numbers.set(name, number);
    (disksOf[number] ??= []).push(place);
    return number;
  });
  return { level, domainOf, disksOf };
}
