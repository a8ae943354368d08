import type { DomainTree } from "./domain-tree.ts";
import { Spread } from "./spread.ts";

/*
 * If each extent took its disks at random, then with many extents nearly every combination of disks
 * would hold one of them whole, and the loss of any few disks at once would lose data. So members
 * are chosen from a limited list of sets: an extent is lost only if the lost disks contain one of
 * these sets (or enough of it). The price is that fewer disks hold what is needed to rebuild a lost
 * one. The scatter width is the number of those others. A permutation of all disks, cut into sets
 * of r, gives each disk r - 1 of them, so a scatter width s takes ⌈s / (r - 1)⌉ permutations.
 * Source: Cidon, Rumble, Stutsman, Katti, Ousterhout, Rosenblum: "Copysets: Reducing the Frequency
 * of Data Loss in Cloud Storage", USENIX ATC 2013.
 *
 * Two things differ from the paper. A set is not just the next r disks of a permutation, but those
 * among the disks it has used least that are spread best over failure domains (`Spread`). And the
 * permutations come from the ids of the disks: every process makes the same sets, today and after a
 * restart. Disks that are away for a while stay in them, and are replaced in a set when it is used
 * (plan-members.ts).
 *
 * With 1,000 disks, three copies and a million extents, three disks lost at once hold all copies of
 * some extent with a probability of 0.6 % if sets are random (10^6 of 1.7 * 10^8 combinations), and
 * of 0.006 % with the 10,000 sets made here.
 */

/**
 * @limit How many others a disk shares sets with; some are drawn twice, so that of 17 others all
 * take part, of 119 some 47. A lost disk of 10 TB of copies is read back from 47 disks in 1.5 hours
 * if each gives 40 MB/s (20 % of 200); what it held is written to all others (plan-members.ts).
 */
export const scatterWidth = 60;

/** The copysets of a store, for each number of members; made when they are first asked for. */
export class CopysetTable {
  readonly #tree: DomainTree;
  readonly #bySize = new Map<number, Copysets>();

  constructor(tree: DomainTree) {
    this.#tree = tree;
  }

  /** The sets of `size` disks. */
  ofSize(size: number): Copysets {
    const known = this.#bySize.get(size);
    if (known !== undefined) return known;
    const made = new Copysets(this.#tree, size);
    this.#bySize.set(size, made);
    return made;
  }
}

/** Places of disks in the tree. */
export type Copyset = readonly number[];

/** Sets of one size. They depend on nothing but the tree. */
export class Copysets {
  readonly #tree: DomainTree;
  readonly #size: number;
  readonly #permutations: (readonly Copyset[])[] = [];
  /** How many permutations there are. */
  readonly permutations: number;

  constructor(tree: DomainTree, size: number) {
    this.#tree = tree;
    this.#size = size;
    this.permutations = size < 2 ? 1 : Math.ceil(scatterWidth / (size - 1));
  }

  /**
   * A set for each of two numbers from 0 to 1: which permutation, and which of its sets. Undefined
   * where there are fewer disks than a set has.
   */
  draw(first: number, second: number): Copyset | undefined {
    const sets = this.ofPermutation(Math.floor(first * this.permutations));
    return sets[Math.floor(second * sets.length)];
  }

  /** The sets of one permutation. Each disk is in one at least, unless its weight is 0. */
  ofPermutation(number: number): readonly Copyset[] {
    return (this.#permutations[number] ??= setsOfPermutation(this.#tree, this.#size, number));
  }
}

/** Ranks are below this; what counts more than a rank is a multiple of it. */
export const rankRange = 2 ** 32;

function setsOfPermutation(tree: DomainTree, size: number, permutation: number): Copyset[] {
  const { disks } = tree;
  const eligible = Uint8Array.from(disks, ({ weight }) => (weight > 0 ? 1 : 0));
  let unused = eligible.reduce((sum, one) => sum + one, 0);
  if (unused < size) return [];
  // How often a disk was used, as a share of its weight; then its rank in the permutation.
  const order = Float64Array.from(disks, ({ name }) => rankOf(name, permutation));
  const uses = new Int32Array(disks.length);
  const sets: Copyset[] = [];
  while (unused > 0) {
    const spread = new Spread(tree, eligible.slice());
    for (let i = 0; i < size; i++) {
      const place = spread.best(order);
      const { weight } = disks[place]!;
      spread.add(place);
      uses[place]! += 1;
      order[place]! += rankRange / weight;
      if (uses[place]! % weight !== 0) continue;
      // Behind all that are not used up.
      order[place]! += 2 * rankRange;
      if (uses[place] === weight) unused--;
    }
    sets.push(spread.places);
  }
  return sets;
}

/** A number below 2^32 that looks random and is the same for the same text and salt. */
export function rankOf(text: string, salt: number): number {
  let mixed = Math.imul(salt + 1, 0x9e3779b1);
  for (let i = 0; i < text.length; i++) {
    mixed = Math.imul(mixed ^ text.charCodeAt(i), 0x01000193);
    mixed ^= mixed >>> 15;
  }
  // The last steps of MurmurHash3 (Appleby, public domain), so that each bit depends on all.
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
