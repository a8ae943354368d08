import { isStoreError, messageOf } from "../base/errors.ts";
import { isRefusal } from "../base/refusal.ts";
import type { Engine } from "../engine/engine.ts";
import type { DataDisk } from "../extent/extent-files.ts";
import { DiskVerdicts } from "../extent/disk-verdicts.ts";
import type { DiskObservations } from "../extent/observed-disk.ts";
import type { MountedDisks } from "../extent/mounted-disks.ts";
import type { DiskRow } from "../format/disk-row.ts";
import { type DiskId, idText } from "../format/ids.ts";
import { mountDisks, takeDiskOut } from "../keymap/disk-changes.ts";
import { changeDisks, readDisks, registryOf } from "../keymap/disk-registry.ts";
import type { Keymap } from "../keymap/keymap.ts";
import { type Disk, isDiskError } from "../platform/disk.ts";
import type { Platform, Service } from "../platform/platform.ts";
import { requireOwnIndex } from "./index-ownership.ts";
import { keepLogQuorum } from "./keep-log-quorum.ts";

/** @limit Time between looks at the registry: as old is what a process knows of the disks. */
const lookMs = 2_000;

/** A directory that is locked for this process tree, and the disk that is in it. */
export interface OfferedDirectory {
  readonly path: string;
  readonly disk: DiskId;
}

/** Where the disks of the store are, as the owner of their locks says. */
export interface DirectoryFeed {
  /** The one with the index first. */
  readonly offered: () => readonly OfferedDirectory[];
  readonly open: (directory: OfferedDirectory) => DataDisk;
  /** Resolves after this time, or when there is something to look at, or when the signal aborts. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface DiskWatchOptions {
  readonly platform: Platform;
  readonly keymap: Keymap;
  /** The engine of the system partition. */
  readonly index: Engine;
  /** The list that this process works with; only the watch changes it. */
  readonly mounted: MountedDisks;
  readonly feed: DirectoryFeed;
  /** What this process meets on the disks. */
  readonly observations: DiskObservations;
  /**
   * True for the one process that notes in the registry where a disk is mounted, and in the index
   * which disks the commit log needs.
   */
  readonly notesMounts: boolean;
}

/**
 * Keeps a process's list of disks in step with the registry, and with what is mounted. A disk is
 * taken in once the registry has it, and once this index proved to be its own and not behind it
 * (C9): a disk that was missing when an older copy of the index was put back would show it.
 *
 * A disk that this process finds to fail too often is taken out, in the registry and so for all. It
 * stays out until a person puts it back: what fails now and then would else come and go.
 */
export class DiskWatch implements Service {
  readonly name = "disk watch";
  readonly #options: DiskWatchOptions;
  /** Disks that were not taken in, and why: each is said once. */
  readonly #refused = new Map<DiskId, string>();
  readonly #verdicts = new DiskVerdicts();
  /** Disks that failed too often and were not taken out: said once. */
  readonly #keptIn = new Set<DiskId>();
  /** Counts extents on a disk that are known to be damaged, where this process knows. */
  damagedOn: ((disk: DiskId) => number | undefined) | undefined;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.look();
      } catch (thrown) {
        if (!isStoreError(thrown) || thrown.code === "fenced") throw thrown;
        this.#options.platform.log("warn", "disks_not_looked_at", { message: messageOf(thrown) });
      }
      await this.#options.feed.wait(lookMs, signal);
    }
  }

  async look(): Promise<void> {
    const { keymap, mounted, feed } = this.#options;
    // Before the registry is read: what is offered because of a change is read with that change.
    const offered = feed.offered();
    const rows = new Map((await readDisks(keymap.system)).map((row) => [row.disk, row]));
    const disks: DataDisk[] = [];
    for (const directory of offered) {
      const before = mounted.disks.find(({ id }) => id === directory.disk);
      const disk = await this.#diskAt(directory, before, rows.get(directory.disk));
      if (disk !== undefined) disks.push(disk);
    }
    this.#logGone(disks);
    this.#forgetResumed(rows);
    mounted.set(disks, rows);
    await this.#noteMounts(rows);
    await this.#takeOutFailing(rows);
    const { platform, index, notesMounts } = this.#options;
    if (!notesMounts) return;
    await keepLogQuorum({ platform, keymap, index, disks: mounted }, [...rows.values()]);
  }

  /** What was before a person put a disk back to use counts no more. */
  #forgetResumed(rows: ReadonlyMap<DiskId, DiskRow>): void {
    for (const { disk, state, stateMs } of rows.values()) {
      if (stateMs === this.#options.mounted.rows?.get(disk)?.stateMs) continue;
      if (state === "active") this.#verdicts.forget(disk);
      this.#keptIn.delete(disk);
    }
  }

  async #takeOutFailing(rows: ReadonlyMap<DiskId, DiskRow>): Promise<void> {
    const { platform, keymap, mounted, observations } = this.#options;
    const samples = mounted.disks.flatMap(({ id }) => {
      const counts = observations.countsOf(id);
      return counts === undefined ? [] : [{ disk: id, counts, damaged: this.damagedOn?.(id) }];
    });
    const verdicts = this.#verdicts.judge(platform.clock.monotonicMs(), samples);
    for (const [disk, reason] of verdicts) {
      const row = rows.get(disk);
      if (row?.state !== "active" || this.#keptIn.has(disk)) continue;
      const plan = takeDiskOut(disk, reason, platform.clock.now());
      const taken = await changeDisks(registryOf(keymap), plan);
      const fields = { disk: row.name, id: idText(disk), reason };
      if (!isRefusal(taken)) platform.log("error", "disk_taken_out", fields);
      else {
        this.#keptIn.add(disk);
        platform.log("error", "disk_fails", { ...fields, message: taken.message });
      }
    }
  }

  /** The disk as it is used from now on: as before, newly opened, or not at all. */
  async #diskAt(
    directory: OfferedDirectory,
    before: DataDisk | undefined,
    row: DiskRow | undefined,
  ): Promise<DataDisk | undefined> {
    if (row === undefined) return before;
    if (row.state === "removed") return undefined;
    if (before?.disk.name === directory.path) return before;
    const { platform, index, mounted, feed } = this.#options;
    const disk = feed.open(directory);
    try {
      // holds: C9 own-index-before-disk
      await requireOwnIndex({ platform, index, disks: { store: mounted.store, disks: [disk] } });
    } catch (thrown) {
      if (!isStoreError(thrown)) throw thrown;
      this.#refuse(directory, thrown.message);
      return before;
    }
    this.#refused.delete(directory.disk);
    const fields = { disk: directory.path, id: idText(directory.disk) };
    platform.log("info", "disk_taken_in", fields);
    return disk;
  }

  #refuse({ path, disk }: OfferedDirectory, message: string): void {
    if (this.#refused.get(disk) === message) return;
    this.#refused.set(disk, message);
    this.#options.platform.log("error", "disk_refused", { disk: path, message });
  }

  #logGone(disks: readonly DataDisk[]): void {
    const { mounted, platform } = this.#options;
    for (const { id, disk } of mounted.disks) {
      if (disks.some((one) => one.id === id)) continue;
      platform.log("info", "disk_given_up", { disk: disk.name, id: idText(id) });
    }
  }

  async #noteMounts(rows: ReadonlyMap<DiskId, DiskRow>): Promise<void> {
    const { platform, keymap, mounted, notesMounts } = this.#options;
    if (!notesMounts) return;
    const moved = mounted.disks.filter(({ id, disk }) => {
      const row = rows.get(id);
      return row?.name !== disk.name || row.capacityBytes === 0;
    });
    if (moved.length === 0) return;
    const mounts = await Promise.all(
      moved.map(async ({ id, disk }) => {
        return { disk: id, name: disk.name, capacityBytes: await capacityOf(disk) };
      }),
    );
    const plan = mountDisks(mounts, platform.clock.now(), "leave out");
    await changeDisks(registryOf(keymap), plan);
  }
}

/** 0 where it cannot be found out now. */
async function capacityOf(disk: Disk): Promise<number> {
  try {
    return (await disk.space()).bytesTotal;
  } catch (thrown) {
    if (!isDiskError(thrown)) throw thrown;
    return 0;
  }
}
