import { closeSync, fdatasync, fstatSync, openSync, writeSync } from "node:fs";
import { dataFileOf } from "./environment.ts";
import type { Database } from "./environment.ts";
import { saysFull } from "./lmdb-error-codes.ts";

/*
 * Space in the data file, written before it is needed: zeros behind its last page, which LMDB does
 * not look at.
 *
 * A full disk is then met here, as an error of a write that matters to nobody, and not inside LMDB:
 * the binding (3.5.6) writes past a buffer of its own when one of its writes fails, and the process
 * dies of it sooner or later. What was kept ahead also lets deletes and compaction go on while the
 * disk is full; LMDB uses freed pages again, so they need little of it. And a sync is cheaper where
 * the file does not grow.
 *
 * On file systems that write overwritten blocks elsewhere (btrfs, ZFS) the zeros promise nothing; a
 * full disk there is a failed commit, after which the engine is closed.
 */

/** @limit Kept ahead by default: what deletes and compaction have while the disk is full. */
export const reserveBytesDefault = 64 * 1024 * 1024;
/** @limit Written at a time: 4 MiB in about 2 ms, once per some 10,000 commits. */
const stepBytes = 4 * 1024 * 1024;

interface Statistics {
  readonly pageSize: number;
  readonly lastPageNumber: number;
}

export class FileReserve {
  readonly #database: Database;
  readonly #descriptor: number;
  readonly #reserveBytes: number;

  constructor(database: Database, path: string, reserveBytes: number) {
    this.#database = database;
    this.#descriptor = openSync(dataFileOf(path), "r+");
    this.#reserveBytes = reserveBytes;
  }

  /**
   * Kept for changes that free space, or are made by what does: others are refused once no more
   * than this is left.
   */
  get keptBytes(): number {
    return this.#reserveBytes / 2;
  }

  get fileBytes(): number {
    return fstatSync(this.#descriptor).size;
  }

  /**
   * Bytes that the transaction under way can write for certain. Writes more until it is `wanted`,
   * and a step where that much of the reserve is gone; stops where the disk is full. Only inside a
   * write transaction: then no other process is at the end of the file.
   */
  ahead(wanted: number): number {
    // The binding types what this returns as {}.
    const { pageSize, lastPageNumber } = this.#database.getStats() as Statistics;
    const used = (lastPageNumber + 1) * pageSize;
    let end = Math.max(this.fileBytes, used);
    const stepIsDue = end - used <= this.#reserveBytes - stepBytes;
    const target = Math.max(used + wanted, stepIsDue ? end + stepBytes : end);
    for (let filled = 1; end < target && filled > 0; end += filled) {
      filled = this.#fill(end, Math.min(target - end, stepBytes));
    }
    return end - used;
  }

  /** Makes the reserve, as far as the disk has space, durably. */
  async fill(): Promise<void> {
    for (let wanted = 0; wanted < this.#reserveBytes;) {
      wanted = Math.min(wanted + stepBytes, this.#reserveBytes);
      const step = wanted;
      const ahead = await this.#database.transaction(() => this.ahead(step));
      if (ahead < wanted) break;
    }
    await this.#sync();
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#descriptor, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  #fill(at: number, bytes: number): number {
    try {
      return writeSync(this.#descriptor, new Uint8Array(bytes), 0, bytes, at);
    } catch (thrown) {
      if (saysFull(thrown)) return 0;
      throw thrown;
    }
  }
}
