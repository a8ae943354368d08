import type { DomainTree } from "./domain-tree.ts";

/** Above the highest count of members in one domain: schemes have up to 255. */
const countRange = 256;

/**
 * A set of members while it is chosen, and how crowded it would be at each disk.
 *
 * A disk's crowding is the number of members that share its region, its zone and so on down to the
 * disk, written as the digits of one number, the widest level first. So the disk with the lowest
 * crowding is one in the emptiest region; among those, one in the emptiest zone; and so on.
 * Choosing such a disk each time keeps the counts of sibling domains (zones of a region, racks of a
 * row) equal, or one apart, for as long as each has a disk to give: no two members share a domain
 * while another one beside it is free, and of n members at most ⌈n/z⌉ are in each of z zones. The
 * six levels take 48 bits, which a number holds exactly.
 */
export class Spread {
  readonly #tree: DomainTree;
  /** 1 where a disk may still be chosen. */
  readonly #eligible: Uint8Array;
  readonly #crowding: Float64Array;
  #places: number[] = [];

  /** Takes the array over. */
  constructor(tree: DomainTree, eligible: Uint8Array) {
    this.#tree = tree;
    this.#eligible = eligible;
    this.#crowding = new Float64Array(eligible.length);
  }

  /** The disks chosen, in the order in which they were. */
  get places(): readonly number[] {
    return this.#places;
  }

  add(place: number): void {
    this.#places.push(place);
    this.#eligible[place] = 0;
    this.#crowd(place, 1);
  }

  /** Takes a disk out of the set again. It cannot be chosen. */
  remove(place: number): void {
    this.#places = this.#places.filter((other) => other !== place);
    this.#crowd(place, -1);
  }

  /** Counts a member at this disk, or no longer. */
  #crowd(place: number, sign: 1 | -1): void {
    const { dividing } = this.#tree;
    let unit: number = sign;
    for (let i = dividing.length - 1; i >= 0; i--) {
      const { domainOf, disksOf } = dividing[i]!;
      for (const other of disksOf[domainOf[place]!]!) this.#crowding[other]! += unit;
      unit *= countRange;
    }
  }

  /** The crowding at a disk, comparable with that at others. */
  crowdingAt(place: number): number {
    return this.#crowding[place]!;
  }

  /** True if the disk may still be chosen. */
  isEligible(place: number): boolean {
    return this.#eligible[place] === 1;
  }

  /** The first in `order` of the disks with the lowest crowding; -1 where none is left. */
  best(order: Float64Array): number {
    let best = -1;
    let lowest = Infinity;
    const [eligible, crowdings] = [this.#eligible, this.#crowding];
    for (let place = 0; place < eligible.length; place++) {
      if (eligible[place] === 0) continue;
      const crowding = crowdings[place]!;
      if (crowding > lowest || (crowding === lowest && order[place]! >= order[best]!)) continue;
      best = place;
      lowest = crowding;
    }
    return best;
  }

  /** The lowest crowding at a disk that may be chosen; Infinity where there is none. */
  lowest(): number {
    let lowest = Infinity;
    for (let place = 0; place < this.#eligible.length; place++) {
      if (this.#eligible[place] === 1) lowest = Math.min(lowest, this.#crowding[place]!);
    }
    return lowest;
  }

  /** All disks with the lowest crowding. */
  allBest(): number[] {
    let places: number[] = [];
    let lowest = Infinity;
    for (let place = 0; place < this.#eligible.length; place++) {
      const crowding = this.#crowding[place]!;
      if (this.#eligible[place] === 0 || crowding > lowest) continue;
      if (crowding < lowest) places = [];
      lowest = crowding;
      places.push(place);
    }
    return places;
  }
}
