import { closeSync, fstatSync, openSync, statSync } from "node:fs";
import { StoreError } from "../../base/errors.ts";

/**
 * Checks that the data file that was opened is still the one at its path. Where it was moved away,
 * removed or replaced while we run, every commit would go into a file that nobody opens again.
 */
export class DataFilePlace {
  readonly #path: string;
  /** Held open, so that no other file gets its number. */
  readonly #descriptor: number;
  readonly #device: number;
  readonly #inode: number;

  /** Made before the environment is opened. StoreError `missing` where there is no data file. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#descriptor = openSync(path, "r");
    } catch (cause) {
      throw new StoreError("missing", `there is no index: ${path} does not exist`, { cause });
    }
    const { dev, ino } = fstatSync(this.#descriptor);
    this.#device = dev;
    this.#inode = ino;
  }

  /** One system call, about 2 µs. A file that cannot be looked at is not kept. */
  isKept(): boolean {
    try {
      const there = statSync(this.#path, { throwIfNoEntry: false });
      return there?.ino === this.#inode && there.dev === this.#device;
    } catch {
      return false;
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
