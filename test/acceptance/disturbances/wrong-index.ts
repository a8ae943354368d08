import { cpSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { indexOf } from "./index-taken-away.ts";

/*
 * A stopped store is started with an index that is not its own: with none, as where it was lost, or
 * with one that was restored from an older copy. It is made again, or moved forward, of its log
 * before anything is served.
 */

type Place = (index: string, copy: string) => void;

export interface WrongIndex {
  readonly name: string;
  readonly weight: number;
  /** Puts it where the index was. */
  readonly place: Place;
}

export const wrongIndexes: readonly WrongIndex[] = [
  { name: "no index at the start", weight: 1, place: () => undefined },
  { name: "an empty index at the start", weight: 1, place: (index) => mkdirSync(index) },
  {
    name: "an older index at the start",
    weight: 2,
    place: (index, copy) => cpSync(copy, index, { recursive: true }),
  },
];

/**
 * Copies of a stopped store's index, one at a time: it is older once the store has been served
 * again.
 */
export class IndexCopy {
  readonly #copy: string;

  constructor(folder: string) {
    this.#copy = join(folder, "older-index");
  }

  get isThere(): boolean {
    return existsSync(this.#copy);
  }

  /** Leaves the stopped store with the wrong index only. */
  put(directories: readonly string[], { place }: WrongIndex): void {
    const index = indexOf(directories);
    rmSync(index, { recursive: true });
    place(index, this.#copy);
  }

  /** Copies the index of the stopped store as it is now. */
  take(directories: readonly string[]): void {
    rmSync(this.#copy, { recursive: true, force: true });
    cpSync(indexOf(directories), this.#copy, { recursive: true });
  }
}
