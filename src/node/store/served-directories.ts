import { existsSync } from "node:fs";
import { isAbsolute } from "node:path";
import { isStoreError, messageOf, StoreError } from "../../base/errors.ts";
import {
  initialiseDataDirectory,
  noteOtherDirectories,
  readIdentity,
} from "../../extent/data-directories.ts";
import { readDiskGeneration } from "../../extent/disk-generation.ts";
import { localDataDisk } from "../../extent/local-members.ts";
import type { StoreIdentity } from "../../format/data-directory.ts";
import { type DiskId, idText, type StoreId } from "../../format/ids.ts";
import type { DiskMount } from "../../keymap/disk-changes.ts";
import type { Disk } from "../../platform/disk.ts";
import type { Platform } from "../../platform/platform.ts";
import { eachWithin } from "../../platform/within.ts";
import { hangingMs } from "../../extent/observed-disk.ts";
import { openDisk } from "../disk/disk.ts";
import { makePrivate } from "../disk/small-file.ts";
import { diskAnswers } from "./disk-probe.ts";
import { giveUpHome } from "./index-home.ts";
import { copyKeyFiles } from "./key-files.ts";
import type { StoreDirectory } from "./store-location.ts";
import { StoreLock } from "./store-lock.ts";

/** @limit A directory that does not answer by then is left as it was until it does. */
const answerMs = 2_000;

export interface ServedOptions {
  readonly platform: Platform;
  readonly store: StoreId;
  /** The directories that are locked, the one with the index first. */
  readonly directories: readonly StoreDirectory[];
  /** Disks of the store that were not found, and where they were last. */
  readonly missing: readonly StoreDirectory[];
  /** Other places where a disk may be mounted. */
  readonly places: readonly string[];
  readonly locks: ReadonlyMap<DiskId, StoreLock>;
}

/**
 * The data directories that this process tree has locked, and the disks it misses. A disk is known
 * by its id: one that was missing is taken in when it is mounted at any place where a disk of the
 * store was, and one that is mounted elsewhere is followed.
 */
export class ServedDirectories implements Disposable {
  readonly #platform: Platform;
  readonly #store: StoreId;
  readonly #places: Set<string>;
  readonly #locks: Map<DiskId, StoreLock>;
  #directories: readonly StoreDirectory[];
  #missing: readonly StoreDirectory[];
  readonly #disks = new Map<string, Disk>();
  readonly #looks = new Map<string, Promise<StoreIdentity | undefined>>();
  /** Disks that were given up since they gave no answer: each promise is one that is waited for. */
  readonly #silent = new Map<DiskId, Promise<void>>();
  /**
   * The home of the index while it is given up, and no other directory is it: only `takeHomeBack`
   * takes it in, since here it would be taken for a former home.
   */
  #homeAway: DiskId | undefined;
  /** What was noted last on each disk: one that hangs has it done when it answers, in order. */
  readonly #notes = new Map<DiskId, Promise<void>>();

  constructor(options: ServedOptions) {
    const { directories, missing, places } = options;
    this.#platform = options.platform;
    this.#store = options.store;
    this.#directories = directories;
    this.#missing = missing;
    this.#places = new Set([...places, ...[...directories, ...missing].map(({ path }) => path)]);
    this.#locks = new Map(options.locks);
  }

  /** The directories of the disks that are there, the one with the index first. */
  get current(): readonly StoreDirectory[] {
    return this.#directories;
  }

  /** The disks that were not found since the start, and where they were last. */
  get missing(): readonly StoreDirectory[] {
    return this.#missing;
  }

  /**
   * Looks for disks that are missing, or are not where they were; true if something has changed.
   * The disk with the index is left to those who use that. Never throws.
   */
  async look(): Promise<boolean> {
    const found = await this.#identities();
    const isAt = (path: string, disk: DiskId): boolean => found.get(path)?.disk === disk;
    const gone = this.#directories.slice(1).filter(({ path, disk }) => !isAt(path, disk));
    // holds: C9 home-of-the-index-is-not-a-former-one
    const isLeft = (disk: DiskId): boolean => this.#silent.has(disk) || disk === this.#homeAway;
    const away = [...this.#missing, ...gone].filter(({ disk }) => !isLeft(disk));
    const moves = away.flatMap(({ path: from, disk }) => {
      const path = [...found.keys()].find((place) => isAt(place, disk));
      return path === undefined ? [] : [{ from, path, disk }];
    });
    for (const directory of gone) this.#lose(directory);
    let isChanged = gone.length > 0;
    for (const { from, path, disk } of moves) {
      isChanged = (await this.#moveTo(from, { path, disk })) || isChanged;
    }
    if (isChanged) await this.noteOthers();
    return isChanged;
  }

  /**
   * Makes an empty directory a data directory of the store, or finds that it is one. StoreError,
   * with the fix, where it is neither.
   */
  async takeIn(path: string): Promise<DiskMount> {
    if (!isAbsolute(path)) throw new StoreError("invalid", `${path} is not an absolute path`);
    if (!existsSync(path)) {
      const fix = "mount the disk, or make an empty directory there";
      throw new StoreError("missing", `${path} does not exist: ${fix}`);
    }
    const disk = this.#diskAt(path);
    const known = this.#directories.find((one) => one.path === path);
    const found = await readIdentity(disk);
    if (known !== undefined && found?.disk === known.disk) return mountOf(disk, known.disk);
    const elsewhere = this.#directories.find((one) => one.disk === found?.disk);
    if (elsewhere !== undefined) {
      const both = `${elsewhere.path} and ${path} are the same data directory, or one is a copy`;
      throw new StoreError("invalid", `${both}: name an empty directory`);
    }
    const lock = StoreLock.take(path);
    try {
      const options = { store: this.#store, holdsIndex: false };
      const identity = await initialiseDataDirectory(disk, options, this.#platform.random);
      makePrivate(path, this.#platform.log);
      await this.#giveKeys(path, identity.disk);
      const mount = await mountOf(disk, identity.disk);
      this.#hold({ path, disk: identity.disk }, lock);
      await this.noteOthers();
      return mount;
    } catch (thrown) {
      lock.giveUp();
      throw thrown;
    }
  }

  /** The disk is no longer the store's. */
  async letGo(disk: DiskId): Promise<void> {
    const gone = [...this.#directories, ...this.#missing].filter((one) => one.disk === disk);
    for (const { path } of gone) this.#places.delete(path);
    this.#directories = this.#directories.filter((one) => one.disk !== disk);
    this.#missing = this.#missing.filter((one) => one.disk !== disk);
    this.#unlock(disk);
    await this.noteOthers();
  }

  /**
   * Gives those up whose disks give no answer, before anything is done that has to wait for them:
   * each is taken in again once it answers. `known` is one of them in any case. Their locks stay,
   * since letting go of one may wait for the disk, too.
   */
  async giveUpSilent(known: StoreDirectory | undefined): Promise<void> {
    const asked = this.#directories.filter((one) => one !== known);
    const answers = await eachWithin(this.#platform.clock, hangingMs, asked.map(diskAnswers));
    const late = asked.filter((_, i) => answers[i] === undefined);
    const silent = known === undefined ? late : [...late, known];
    const [home] = this.#directories;
    if (home !== undefined && silent.includes(home)) this.#homeAway = home.disk;
    for (const directory of silent) {
      this.#miss(directory);
      const { disk } = directory;
      const answer = diskAnswers(directory).then(() => void this.#silent.delete(disk));
      this.#silent.set(disk, answer);
    }
  }

  /** Resolves once a directory answers that was given up since it did not. Never rejects. */
  async untilAnswering({ disk }: StoreDirectory): Promise<void> {
    await this.#silent.get(disk);
  }

  /**
   * The home of the index answers again, which no other directory became meanwhile. StoreError
   * `unavailable` where its lock was let go of, and another process has it.
   */
  takeHomeBack(home: StoreDirectory): void {
    if (!this.#locks.has(home.disk)) this.#locks.set(home.disk, StoreLock.take(home.path));
    this.#missing = this.#missing.filter(({ disk }) => disk !== home.disk);
    this.moveHome(home);
  }

  /** The index is in this directory from now on. */
  moveHome(home: StoreDirectory): void {
    this.#homeAway = undefined;
    const others = this.#directories.filter(({ disk }) => disk !== home.disk);
    this.#directories = [home, ...others];
    this.#giveKeysAgain(home.path);
  }

  /** Notes in each directory where the others are; one that does not answer is not waited for. */
  async noteOthers(): Promise<void> {
    const all = [...this.#directories, ...this.#missing].map(({ path }) => path);
    const notes = this.#directories.map((directory) => {
      const others = all.filter((other) => other !== directory.path).toSorted();
      const before = this.#notes.get(directory.disk) ?? Promise.resolve();
      const note = before.then(() => this.#note(directory, others));
      this.#notes.set(directory.disk, note);
      return note;
    });
    await eachWithin(this.#platform.clock, answerMs, notes);
  }

  async #note({ path, disk }: StoreDirectory, others: readonly string[]): Promise<void> {
    try {
      await noteOtherDirectories(this.#diskAt(path), disk, others);
    } catch (thrown) {
      const fields = { disk: path, message: messageOf(thrown) };
      this.#platform.log("warn", "other_directories_not_noted", fields);
    }
  }

  [Symbol.dispose](): void {
    for (const lock of this.#locks.values()) lock[Symbol.dispose]();
    this.#locks.clear();
  }

  /** The identities at the places that answer in time and are the store's. */
  async #identities(): Promise<ReadonlyMap<string, StoreIdentity>> {
    const found = new Map<string, StoreIdentity>();
    const looks = [...this.#places].map(async (path) => {
      const identity = await this.#lookAt(path);
      if (identity?.store === this.#store) found.set(path, identity);
    });
    const late = new AbortController();
    await Promise.race([
      Promise.all(looks),
      this.#platform.clock.sleep(answerMs, late.signal), // one that hangs is not waited for
    ]);
    late.abort();
    // A place that did not answer is taken to be as it was.
    for (const { path, disk } of this.#directories) {
      if (!this.#looks.has(path) || found.has(path)) continue;
      found.set(path, { store: this.#store, disk, holdsIndex: false, otherDirectories: [] });
    }
    return new Map(found);
  }

  /** One look at a time for each place; a place that cannot be read is nobody's. */
  #lookAt(path: string): Promise<StoreIdentity | undefined> {
    const underWay = this.#looks.get(path);
    if (underWay !== undefined) return underWay;
    const look = readIdentity(this.#diskAt(path))
      .catch(() => undefined)
      .finally(() => this.#looks.delete(path));
    this.#looks.set(path, look);
    return look;
  }

  async #moveTo(from: string, { path, disk }: StoreDirectory): Promise<boolean> {
    const { log } = this.#platform;
    const fields = { disk: path, id: idText(disk) };
    try {
      this.#unlock(disk); // of a disk that hung, and answers now
      const lock = StoreLock.take(path);
      try {
        await this.#giveUpFormerHome(path, disk);
      } catch (thrown) {
        lock.giveUp();
        throw thrown;
      }
      this.#hold({ path, disk }, lock);
      this.#giveKeysAgain(path);
    } catch (thrown) {
      if (!isStoreError(thrown)) throw thrown;
      log("error", "disk_not_taken_in", { ...fields, message: thrown.message });
      return false;
    }
    if (from === path) log("info", "disk_found", fields);
    else log("warn", "disk_moved", { ...fields, from });
    return true;
  }

  /**
   * Before a disk is served that was the home of the index: it gets no generation of the store
   * while it says that it is, so that it is known to be older.
   */
  async #giveUpFormerHome(path: string, disk: DiskId): Promise<void> {
    const [home] = this.#directories;
    const identity = await readIdentity(this.#diskAt(path));
    if (home === undefined || disk === home.disk || identity?.holdsIndex !== true) return;
    // holds: C9 former-home-gives-way
    await giveUpHome(this.#platform, home.path, path, this.#store);
  }

  /**
   * Before a directory becomes one of the store's. One that was served is one already, or was
   * removed and gets nothing.
   */
  async #giveKeys(path: string, disk: DiskId): Promise<void> {
    const { hash } = this.#platform;
    const place = localDataDisk(hash, disk, this.#diskAt(path));
    if ((await readDiskGeneration(hash, this.#store, place)) > 0) return;
    const from = this.#directories.map((one) => one.path);
    copyKeyFiles(from, path);
  }

  /** A disk of the store may lack them: it was away, or an older version added it. */
  #giveKeysAgain(path: string): void {
    try {
      const from = this.#directories.map((one) => one.path);
      copyKeyFiles(from, path);
    } catch (thrown) {
      this.#platform.log("warn", "key_file_not_copied", { path, message: messageOf(thrown) });
    }
  }

  /** The disk is not at its place any more; it may be at another one. */
  #lose(directory: StoreDirectory): void {
    this.#unlock(directory.disk);
    this.#miss(directory);
  }

  #miss(directory: StoreDirectory): void {
    this.#directories = this.#directories.filter(({ disk }) => disk !== directory.disk);
    this.#missing = [...this.#missing, directory];
    const fields = { disk: directory.path, id: idText(directory.disk) };
    this.#platform.log("error", "disk_gone", fields);
  }

  #hold(directory: StoreDirectory, lock: StoreLock): void {
    this.#locks.set(directory.disk, lock);
    this.#places.add(directory.path);
    const isOther = ({ disk }: StoreDirectory): boolean => disk !== directory.disk;
    const others = this.#directories.filter(isOther);
    this.#directories = [...others, directory];
    this.#missing = this.#missing.filter(isOther);
  }

  #unlock(disk: DiskId): void {
    this.#locks.get(disk)?.[Symbol.dispose]();
    this.#locks.delete(disk);
  }

  #diskAt(path: string): Disk {
    const disk = this.#disks.get(path) ?? openDisk(path);
    this.#disks.set(path, disk);
    return disk;
  }
}

async function mountOf(disk: Disk, id: DiskId): Promise<DiskMount> {
  const { bytesTotal } = await disk.space();
  return { disk: id, name: disk.name, capacityBytes: bytesTotal };
}
