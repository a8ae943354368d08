import { DiskError } from "../../platform/disk.ts";
import type { SeededRandom } from "../../platform/seeded-random.ts";
import { Inode } from "./inode.ts";

/*
 * Names, twice as well: as processes see them, and as they are on the platter. Making, renaming and
 * removing a name waits until its directory is synced; at a power cut each of them is kept or lost,
 * independently of the others.
 */

export type Node = Inode | Directory;

interface WaitingEntry {
  readonly name: string;
  /** Undefined: the name is removed. */
  readonly node: Node | undefined;
}

export class Directory {
  readonly #seen = new Map<string, Node>();
  readonly #durable = new Map<string, Node>();
  /** Each is one step to the file system: all of its entries are kept, or none. */
  #waiting: (readonly WaitingEntry[])[] = [];

  get(name: string): Node | undefined {
    return this.#seen.get(name);
  }

  names(): string[] {
    return [...this.#seen.keys()];
  }

  nodes(): Node[] {
    return [...this.#seen.values()];
  }

  change(entries: readonly WaitingEntry[]): void {
    for (const entry of entries) setEntry(this.#seen, entry);
    this.#waiting.push(entries);
  }

  sync(): void {
    for (const entry of this.#waiting.flat()) setEntry(this.#durable, entry);
    this.#waiting = [];
  }

  crash(random: SeededRandom): void {
    const keepShare = random.pick([0, 0.5, 1]);
    for (const entries of this.#waiting) {
      if (!random.chance(keepShare)) continue;
      for (const entry of entries) setEntry(this.#durable, entry);
    }
    this.#waiting = [];
    this.#seen.clear();
    for (const [name, node] of this.#durable) {
      this.#seen.set(name, node);
      node.crash(random);
    }
  }
}

function setEntry(entries: Map<string, Node>, { name, node }: WaitingEntry): void {
  if (node === undefined) entries.delete(name);
  else entries.set(name, node);
}

/** A path's directory, which must exist, and the last name in it. */
export function locate(root: Directory, path: string): { directory: Directory; name: string } {
  const at = path.lastIndexOf("/");
  return { directory: directoryAt(root, path.slice(0, Math.max(at, 0))), name: path.slice(at + 1) };
}

export function directoryAt(root: Directory, path: string): Directory {
  let directory = root;
  for (const name of path === "" ? [] : path.split("/")) {
    const node = directory.get(name);
    if (!(node instanceof Directory)) throw new DiskError("missing", `no directory ${path}`);
    directory = node;
  }
  return directory;
}

/** All files below a directory, with their paths. */
export function* filesBelow(directory: Directory, path = ""): Generator<[string, Inode]> {
  for (const name of directory.names()) {
    const node = directory.get(name);
    if (node instanceof Inode) yield [path + name, node];
    else if (node !== undefined) yield* filesBelow(node, `${path}${name}/`);
  }
}

/** All files below a directory, without their paths. */
export function inodesBelow(directory: Directory, found: Inode[] = []): Inode[] {
  for (const node of directory.nodes()) {
    if (node instanceof Inode) found.push(node);
    else inodesBelow(node, found);
  }
  return found;
}
