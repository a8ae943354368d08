import type { Ready } from "../../base/ready.ts";
import { isStoreError, messageOf } from "../../base/errors.ts";
import type { SessionId } from "../../format/ids.ts";
import { type Disk, DiskError, type DiskErrorKind, isDiskError } from "../../platform/disk.ts";
import type { Log } from "../../platform/platform.ts";
import { readIdentity } from "../data-directories.ts";
import type { DataDisk } from "../extent-files.ts";

export type StoppedKind = Exclude<DiskErrorKind, "exists">;

export type DiskState =
  | { readonly kind: "writable" }
  | { readonly kind: StoppedKind; readonly message: string };

/** The state of a data directory for this writer: `ok`, or the reason why it takes no appends. */
export type DiskCondition = "ok" | StoppedKind;

export interface DiskStatistics {
  /** The directory. */
  readonly name: string;
  readonly condition: DiskCondition;
  /** Free bytes at the last look, a few seconds ago at most; 0 before the first. */
  readonly bytesFree: number;
  /** The file system that it is on, as then; undefined before the first look. */
  readonly fileSystem: string | undefined;
}

export interface DiskHealthOptions {
  readonly place: DataDisk;
  readonly session: SessionId;
  readonly reserveBytes: number;
  readonly log: Log;
}

const writable: DiskState = { kind: "writable" };
const probeBytes = new Uint8Array(4096);
const mebibyte = 1024 * 1024;
/**
 * @limit A look is good for an eighth of the way to the reserve: eight writers may take that at
 * once …
 */
const creditShare = 1 / 8;
/**
 * @limit … and for one full batch at most, so that looking costs little compared with the writes.
 */
const creditBytesMax = 16 * mebibyte;

/**
 * Decides if one data directory takes appends. A failure stops it at once; `check`, called every
 * few seconds, stops one that is read-only before anything is written to it, and lets a disk go on
 * when the cause has gone. Only a write shows that writing works again, so a stopped disk is tried
 * with a small file.
 *
 * The reserve is kept by `claim`: what is about to be written comes out of a small credit, and
 * where that is used up the free space is looked at again. Writers of other processes know nothing
 * of each other, but each has at most a full batch (16 MiB, its lanes together) on its way that the
 * free space does not show: they go past the reserve by no more than that for each but one.
 */
export class DiskHealth {
  readonly #options: DiskHealthOptions;
  #state: DiskState = writable;
  #isLeftAlone = false;
  #isRefused = false;
  /** Bytes free at the last look. */
  #bytesFree = 0;
  #fileSystem: string | undefined;
  /** Bytes that may be written before the next look. */
  #creditBytes = 0;
  /** Claimed for batches under way, which the free space may not show yet. */
  #claimedBytes = 0;
  /** A write that did not fit: the disk stays full until it would. */
  #refusedBytes = 0;
  #probing: Promise<void> | undefined;

  constructor(options: DiskHealthOptions) {
    this.#options = options;
  }

  get place(): DataDisk {
    return this.#options.place;
  }

  get state(): DiskState {
    return this.#state;
  }

  get isWritable(): boolean {
    return this.#state.kind === "writable" && !this.#isLeftAlone;
  }

  /** Nothing is wrong with the disk, but nothing is appended to it before the next look at it. */
  leaveAlone(): void {
    this.#isLeftAlone = true;
  }

  /** The table of extents takes no members on it: so it is before the next look at it. */
  refuse(): void {
    this.#isLeftAlone = true;
    this.#isRefused = true;
  }

  get isRefused(): boolean {
    return this.#isRefused;
  }

  statistics(): DiskStatistics {
    const { kind } = this.#state;
    const condition = kind === "writable" ? "ok" : kind;
    const { name } = this.place.disk;
    return { name, condition, bytesFree: this.#bytesFree, fileSystem: this.#fileSystem };
  }

  /**
   * Called before this much is written: DiskError where the disk does not take it, or would have
   * less free than its reserve. `claimEnded` is called once it is written or was given up, also
   * after a failure.
   */
  claim(bytes: number): Ready<void> {
    this.#claimedBytes += bytes;
    if (bytes > this.#creditBytes) return this.#claimAfterLook(bytes);
    this.#creditBytes -= bytes;
  }

  claimEnded(bytes: number): void {
    this.#claimedBytes -= bytes;
  }

  async #claimAfterLook(bytes: number): Promise<void> {
    const otherBytes = this.#claimedBytes - bytes;
    await this.checkFor(bytes + otherBytes);
    const spaceBytes = this.#bytesFree - otherBytes - this.#options.reserveBytes;
    this.#creditBytes = Math.min(spaceBytes * creditShare, creditBytesMax) - bytes;
  }

  /** An append failed with this. */
  failed(error: DiskError): void {
    const kind = error.kind === "exists" ? "io" : error.kind;
    this.#enter({ kind, message: this.#describe(kind, error.message) });
  }

  /** Looks whether the disk takes this much now; DiskError where it does not. */
  async checkFor(bytes: number): Promise<void> {
    await this.check(bytes);
    const state = this.#state;
    if (state.kind === "writable") return;
    if (state.kind === "full") this.#refusedBytes = bytes;
    throw new DiskError(state.kind, state.message);
  }

  /** Looks at the disk: is it ours, has it space, can it be written. Never throws. */
  async check(bytes = this.#refusedBytes): Promise<void> {
    const before = this.#state;
    const found = await this.#look(bytes);
    this.#isLeftAlone = false;
    this.#isRefused = false;
    // A state that an append found meanwhile counts more than one found before it.
    if (this.#state === before) this.#enter(found);
  }

  async #look(bytes: number): Promise<DiskState> {
    const { reserveBytes } = this.#options;
    const { disk, id } = this.place;
    try {
      const identity = await readIdentity(disk);
      if (identity?.disk !== id)
        return this.#stopped("missing", "another or no directory is there");
      const { bytesFree, isReadOnly, fileSystem } = await disk.space();
      this.#bytesFree = bytesFree;
      this.#fileSystem = fileSystem;
      // holds: C8 read-only-disk-is-seen
      if (isReadOnly) return this.#stopped("read_only", "it is mounted or protected so");
      if (bytesFree - bytes < reserveBytes) {
        const free = `${Math.floor(bytesFree / mebibyte)} MiB free`;
        const reserve = `${Math.ceil(reserveBytes / mebibyte)} MiB are kept for deleting`;
        return this.#stopped("full", `${free}, ${reserve}`);
      }
      if (this.#state.kind !== "writable") await (this.#probing ??= this.#probe());
      return writable;
    } catch (error) {
      const cause = isStoreError(error) ? error.cause : error;
      if (!isDiskError(cause)) return this.#stopped("io", messageOf(error));
      return this.#stopped(cause.kind === "exists" ? "io" : cause.kind, cause.message);
    }
  }

  /** One at a time, since its file has a fixed name. */
  async #probe(): Promise<void> {
    const { session } = this.#options;
    const { disk } = this.place;
    const path = `probe-${session}`;
    try {
      const file = await openProbe(disk, path);
      try {
        await file.write([probeBytes], 0);
        await file.sync();
      } finally {
        await file.close();
      }
      await disk.remove(path);
    } finally {
      this.#probing = undefined;
    }
  }

  #stopped(kind: StoppedKind, why: string): DiskState {
    return { kind, message: this.#describe(kind, why) };
  }

  #describe(kind: StoppedKind, why: string): string {
    return `${this.place.disk.name} ${texts[kind]} (${why})`;
  }

  #enter(next: DiskState): void {
    const before = this.#state;
    this.#state = next;
    if (next.kind === before.kind) return;
    const disk = this.place.disk.name;
    if (next.kind === "writable") {
      this.#refusedBytes = 0;
      this.#options.log("info", "disk_takes_writes_again", { disk });
    } else this.#options.log("error", "disk_stopped", { disk, message: next.message });
  }
}

/** The problem and the remedy; afterwards writing goes on by itself. */
const texts: Readonly<Record<StoppedKind, string>> = {
  full: "is full: delete objects, make space or add a data directory",
  read_only: "can't be written: remount it read-write, or give this user the right to write",
  missing: "is not there: mount it again",
  no_answer: "hangs: see to the disk and its cable; it is used again once it answers",
  io: "fails: look at the system's log and replace the disk if need be",
};

/** A probe that a crash left behind is used again. */
async function openProbe(disk: Disk, path: string) {
  try {
    return await disk.open(path, "create");
  } catch (error) {
    if (isDiskError(error, "exists")) return disk.open(path, "write");
    throw error;
  }
}
