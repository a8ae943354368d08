import { chooseScheme, type SchemeChoice, type SchemeWish } from "./choose-scheme.ts";
import type { DomainTree } from "./domain-tree.ts";
import type { CanLose } from "./survival.ts";
import { takesMembers, type Topology } from "./topology.ts";

interface RememberedChoice {
  readonly tree: DomainTree;
  /** Which disks took members, a character for each. */
  readonly usable: string;
  readonly choice: SchemeChoice;
}

/**
 * `chooseScheme` for those who ask for each extent: a choice is made again only where the disks
 * that take members have changed, or their labels. Each topology is to be made from the one before.
 */
export class SchemeChooser {
  readonly #canLose: CanLose;
  /** The last choice of each wish: as many as there are classes and schemes chosen for them. */
  readonly #remembered = new Map<string, RememberedChoice>();

  constructor(canLose: CanLose) {
    this.#canLose = canLose;
  }

  choose(topology: Topology, wish: Omit<SchemeWish, "canLose">): SchemeChoice {
    const { storageClass, chosen = "", freeBytesMin = 0 } = wish;
    const key = `${storageClass} ${chosen} ${freeBytesMin}`;
    const known = this.#remembered.get(key);
    const usable = topology.disks
      .map((disk) => (takesMembers(disk) && disk.freeBytes >= freeBytesMin ? "1" : "0"))
      .join("");
    if (known?.tree === topology.tree && known.usable === usable) return known.choice;
    const choice = chooseScheme(topology, { ...wish, canLose: this.#canLose });
    this.#remembered.set(key, { tree: topology.tree, usable, choice });
    return choice;
  }
}
