import { existsSync } from "node:fs";
import { must } from "../../base/assert.ts";
import { isStoreError, type StoreErrorCode } from "../../base/errors.ts";
import {
  checkDataDirectories,
  initialiseDataDirectory,
  readIdentity,
} from "../../extent/data-directories.ts";
import type { StoreIdentity } from "../../format/data-directory.ts";
import type { DiskId, StoreId } from "../../format/ids.ts";
import type { Platform } from "../../platform/platform.ts";
import { openDisk } from "../disk/disk.ts";
import type { DirectoryLooks } from "./directory-looks.ts";
import type { StoreDirectory } from "./store-location.ts";
import { giveUpHome } from "./index-home.ts";
import { StoreLock } from "./store-lock.ts";

/** Failures of one disk: the store is opened without it. */
const ofDisk: ReadonlySet<StoreErrorCode> = new Set(["io", "missing", "read_only"]);

export interface LookOptions {
  readonly store: StoreId;
  /** True if the operator named it: then another store's directory there is a mistake. */
  readonly isGiven: boolean;
  /** The disk that should be there; undefined: any of the store. */
  readonly disk?: DiskId | undefined;
}

/** The data directories that a start finds, locked before anything else is done with them. */
export class FoundDirectories {
  readonly #platform: Platform;
  readonly #looks: DirectoryLooks;
  readonly #locks = new Map<string, StoreLock>();
  readonly #found = new Map<string, { identity: StoreIdentity; isGiven: boolean }>();
  /** Directories that are ours and no part of the store now, or that fail. */
  readonly #leftOut = new Set<string>();

  constructor(platform: Platform, looks: DirectoryLooks) {
    this.#platform = platform;
    this.#looks = looks;
  }

  get directories(): readonly StoreDirectory[] {
    return [...this.#found].map(([path, { identity }]) => ({ path, disk: identity.disk }));
  }

  /** True of a directory with an identity, and of one that fails. */
  isKnown(path: string): boolean {
    return this.#found.has(path) || this.#leftOut.has(path);
  }

  lock(path: string): void {
    if (!this.#locks.has(path)) this.#locks.set(path, StoreLock.take(path));
  }

  /** Hands the lock on. */
  takeLock(path: string): StoreLock {
    const lock = must(this.#locks.get(path), "a directory that was found is locked");
    this.#locks.delete(path);
    return lock;
  }

  /** Makes an empty directory a data directory, or asserts that it is the one that is meant. */
  async initialise(
    path: string,
    options: { readonly store: StoreId; readonly holdsIndex: boolean },
  ): Promise<void> {
    this.lock(path);
    const { random } = this.#platform;
    const identity = await initialiseDataDirectory(openDisk(path), options, random);
    this.#found.set(path, { identity, isGiven: true });
  }

  /**
   * Looks whether a disk of the store is at a place, and answers. StoreError `foreign` where the
   * operator named a directory of another store, `unavailable` where another process has it.
   */
  async look(path: string, { store, isGiven, disk }: LookOptions): Promise<void> {
    if (this.isKnown(path) || !(await this.#looks.answers(path)) || !existsSync(path)) return;
    try {
      const identity = await readIdentity(openDisk(path));
      if (identity === undefined) return;
      const isAnother = identity.store !== store || (disk ?? identity.disk) !== identity.disk;
      // What was there last may be elsewhere by now, or be a copy.
      if (!isGiven && (isAnother || this.#has(identity.disk))) return;
      if (!isAnother) this.lock(path);
      const isFormer = !isAnother && identity.holdsIndex;
      if (isFormer) await giveUpHome(this.#platform, this.#home(), path, store);
      const now = isFormer ? { ...identity, holdsIndex: false } : identity;
      this.#found.set(path, { identity: now, isGiven });
    } catch (thrown) {
      if (!isStoreError(thrown)) throw thrown;
      if (isGiven && !ofDisk.has(thrown.code)) throw thrown;
      this.#leftOut.add(path);
      this.#platform.log("error", "disk_not_opened", { disk: path, message: thrown.message });
    }
  }

  /** Refuses directories of different stores, and one that was given twice or copied. */
  check(): void {
    const found = [...this.#found];
    checkDataDirectories(found.map(([path, { identity }]) => ({ disk: openDisk(path), identity })));
  }

  /** Where other directories were, as those that were found say. */
  otherDirectories(): readonly string[] {
    return [...this.#found.values()].flatMap(({ identity }) => identity.otherDirectories);
  }

  leaveOut(isNone: (identity: StoreIdentity, isGiven: boolean) => boolean): void {
    for (const [path, { identity, isGiven }] of this.#found) {
      if (!isNone(identity, isGiven)) continue;
      this.#found.delete(path);
      this.#leftOut.add(path);
      this.#locks.get(path)?.[Symbol.dispose]();
      this.#locks.delete(path);
      const fix = "take it out of --data, or empty it to add it as a new disk";
      const why = "its disk was removed from this store";
      if (isGiven) this.#platform.log("warn", "directory_left_out", { path, why, fix });
    }
  }

  /** The directory that was found there is the one that holds the index from now on. */
  putFirst(path: string): void {
    const first = must(this.#found.get(path), "a directory that was found");
    const others = [...this.#found].filter(([other]) => other !== path);
    this.#found.clear();
    for (const [other, found] of [[path, first] as const, ...others]) this.#found.set(other, found);
  }

  /** Called after a refused start. */
  giveUp(): void {
    for (const lock of this.#locks.values()) lock.giveUp();
    this.#locks.clear();
  }

  /** The directory that was found first holds the index. */
  #home(): string {
    const [home] = this.#found.keys();
    return must(home, "a store has a data directory");
  }

  #has(disk: DiskId): boolean {
    return [...this.#found.values()].some(({ identity }) => identity.disk === disk);
  }
}
