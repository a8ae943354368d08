import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { HoldfastServer } from "../holdfast-server.ts";
import { indexOf } from "./index-taken-away.ts";
import { extentPaths } from "./removed-files.ts";

/*
 * A stopped store is started with an index that is not its own: with none, as where the index's
 * disk is not mounted, or with one that was restored from an older copy. The start has to be
 * refused, and to leave the extents as they are (C9).
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

  /** Starts the stopped store with the wrong index, and puts the right one back. */
  async refused(directories: readonly string[], { name, place }: WrongIndex): Promise<void> {
    const index = indexOf(directories);
    const before = extentsOf(directories);
    renameSync(index, `${index}-right`);
    place(index, this.#copy);
    const server = await HoldfastServer.start(directories, { isQuiet: true }).catch(
      () => undefined,
    );
    if (server !== undefined) await server.stop();
    rmSync(index, { recursive: true, force: true });
    renameSync(`${index}-right`, index);
    assert.equal(server, undefined, `C9: served with ${name}`);
    assert.deepEqual(extentsOf(directories), before, `C9: extents have changed: ${name}`);
  }

  /** Copies the index of the stopped store as it is now. */
  take(directories: readonly string[]): void {
    rmSync(this.#copy, { recursive: true, force: true });
    cpSync(indexOf(directories), this.#copy, { recursive: true });
  }
}

function extentsOf(directories: readonly string[]): readonly (readonly [string, number])[] {
  return directories.flatMap((directory) =>
    extentPaths(directory)
      .toSorted()
      .map((path) => [path, statSync(join(directory, path)).size] as const),
  );
}
