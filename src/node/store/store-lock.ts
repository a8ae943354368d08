import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreError } from "../../base/errors.ts";
import { storeIdentityFile, storeLockFile } from "../../format/data-directory.ts";

/*
 * At most one process tree uses a data directory. Node has no call for file locks, but the SQLite
 * in it has: an open exclusive transaction on an empty database is a lock of the kernel's on that
 * file. It ends with the process however that dies, holds across containers that share the
 * directory, and works on every system Node runs on. (An abstract socket holds in one network
 * namespace only; a file with a process id is wrong after a crash.)
 */

/** SQLITE_BUSY */
const busy = 5;

export class StoreLock implements Disposable {
  readonly #directory: string;
  readonly #database: DatabaseSync;

  private constructor(directory: string, database: DatabaseSync) {
    this.#directory = directory;
    this.#database = database;
  }

  /**
   * StoreError `unavailable` where another process has it; `io` where the directory cannot be
   * written.
   */
  static take(directory: string): StoreLock {
    const path = join(directory, storeLockFile);
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(path, { timeout: 0 });
      // Without a journal file there is nothing to leave behind.
      database.exec("PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE");
      return new StoreLock(directory, database);
    } catch (cause) {
      database?.close();
      throw lockError(directory, cause);
    }
  }

  /** Called after a refused start: a directory that did not become ours keeps no trace of it. */
  giveUp(): void {
    const isOurs = existsSync(join(this.#directory, storeIdentityFile));
    if (!isOurs) rmSync(join(this.#directory, storeLockFile), { force: true });
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    if (this.#database.isOpen) this.#database.close();
  }
}

function lockError(directory: string, cause: unknown): StoreError {
  if (cause instanceof Error && "errcode" in cause && cause.errcode === busy) {
    const fix = "stop that one first, or name another directory with --data";
    const message = `${directory} is in use by another Holdfast process: ${fix}`;
    return new StoreError("unavailable", message, { cause });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  const fix = "see that it exists and that this user may write there";
  return new StoreError("io", `${directory} cannot be locked (${reason}): ${fix}`, { cause });
}
