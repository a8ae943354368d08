import { must } from "../base/assert.ts";
import { StoreError } from "../base/errors.ts";
import { initialiseDataDirectory, readIdentity } from "../extent/data-directories.ts";
import type { DataDisk, ExtentDisks } from "../extent/extent-files.ts";
import { localDataDisk } from "../extent/local-members.ts";
import { MountedDisks } from "../extent/mounted-disks.ts";
import { DiskObservations } from "../extent/observed-disk.ts";
import type { DiskLabels } from "../format/disk-labels.ts";
import { noLabels } from "../format/disk-labels.ts";
import type { DiskRow } from "../format/disk-row.ts";
import type { DiskId, StoreId } from "../format/ids.ts";
import type { DiskMount } from "../keymap/disk-changes.ts";
import type { Hash } from "../platform/hash.ts";
import type { Platform } from "../platform/platform.ts";
import type { SeededRandom } from "../platform/seeded-random.ts";
import type { OfferedDirectory } from "../server/disk-watch.ts";
import type { DiskFeed } from "../server/store-core.ts";
import { SimDisk } from "./disk.ts";
import type { SimProcess } from "./process.ts";

/** What a store of many disks is like, which its registry knows and which come and go. */
export interface SimFleet {
  /** Zones that the disks are labelled with, in turn; 0: they have no labels. */
  readonly zones: number;
  /** The scheme that an operator chose for what rests; undefined: it follows from the disks. */
  readonly scheme: string | undefined;
  /** Large objects are coded while they are written. */
  readonly isInline: boolean;
  /** The scheme that was chosen for objects of `choiceClass` in one of the buckets. */
  readonly bucketScheme: string | undefined;
}

export interface PlannedFleet {
  readonly disks: number;
  readonly fleet: SimFleet;
  readonly extentBytes: number;
}

/**
 * The fleet of a seed: fewer disks than any code takes, or enough for one.
 *
 * @param hasBucketScheme an operator chooses a scheme for a bucket
 */
export function planFleet(random: SeededRandom, hasBucketScheme: boolean): PlannedFleet {
  const disks = random.between(3, 8);
  const zones = random.pick([0, 0, 2, 3]);
  const isInline = disks >= codedDisksMin && random.chance(0.3);
  const chosen = disks === 8 ? random.pick([undefined, "rs-4-4"]) : undefined;
  const scheme = isInline ? (chosen ?? "rs-4-2") : chosen;
  // Those that are coded while they are written are dealt in blocks of 64 KiB.
  const extentBytes = isInline ? 1024 * 1024 : random.pick([32, 64, 256]) * 1024;
  const ofBucket = disks >= codedDisksMin ? "rs-4-2" : "copies-3";
  const bucketScheme = hasBucketScheme ? ofBucket : undefined;
  return { disks, fleet: { zones, scheme, isInline, bucketScheme }, extentBytes };
}

/** The narrowest code has six shards. */
const codedDisksMin = 6;

export interface MachineDisksOptions {
  readonly count: number;
  readonly fleet: SimFleet | undefined;
  readonly random: SeededRandom;
  readonly stallShare: number;
  readonly hash: Hash;
  readonly store: StoreId;
  /** Called where a process makes a file on any of them. */
  readonly onMade: (path: string) => void;
}

/** The disks as one process has them before it. */
export interface OpenedDisks {
  readonly disks: ExtentDisks;
  /** Where they may come and go. */
  readonly feed: DiskFeed | undefined;
}

/**
 * The data directories of a machine. Those of a small store are fixed, and a process needs all of
 * them to start; those of a fleet may be away, and others may come. The first one is the home of
 * the index, and stays.
 */
export class MachineDisks {
  readonly #options: MachineDisksOptions;
  #disks: readonly SimDisk[] = [];
  /** The ids that were given to them, as their supervisor read them. */
  readonly #ids = new Map<SimDisk, DiskId>();
  #count = 0;

  constructor(options: MachineDisksOptions) {
    this.#options = options;
    for (let i = 0; i < options.count; i++) this.add();
  }

  get all(): readonly SimDisk[] {
    return this.#disks;
  }

  /** The labels that an operator gives the disk. */
  labelsOf(id: DiskId): DiskLabels {
    const { zones = 0 } = this.#options.fleet ?? {};
    const place = this.#disks.findIndex((disk) => this.#ids.get(disk) === id);
    return zones === 0 ? noLabels : { zone: `z${(place % zones) + 1}` };
  }

  /** A new, empty disk, which is no data directory yet. */
  add(): SimDisk {
    const { random, stallShare, onMade } = this.#options;
    const name = `/data${++this.#count}`;
    const disk = new SimDisk({ name, random: random.fork(), stallShare, onMade });
    this.#disks = [...this.#disks, disk];
    return disk;
  }

  isInitialised(disk: SimDisk): boolean {
    return this.#ids.has(disk);
  }

  /** Disks that are no part of the store any more are carried away. */
  forgetRemoved(rows: readonly DiskRow[]): void {
    const removed = new Set(rows.filter(({ state }) => state === "removed").map((one) => one.disk));
    for (const [disk, id] of this.#ids) if (removed.has(id)) this.remove(disk);
  }

  /** The disk is carried away. */
  remove(disk: SimDisk): void {
    this.#disks = this.#disks.filter((one) => one !== disk);
  }

  /** Makes all of them data directories of the store. */
  async initialise(process: SimProcess, platform: Platform): Promise<void> {
    for (const disk of this.#disks) await this.#initialise(disk, process, platform);
  }

  /** Does what the owner of the directories' locks does with one that is new to the store. */
  async takeIn(path: string, process: SimProcess, platform: Platform): Promise<DiskMount> {
    const disk = must(
      this.#disks.find(({ name }) => name === path),
      "the directory that is named is there",
    );
    await this.#initialise(disk, process, platform);
    return mountOf(must(this.#ids.get(disk), "it has its id now"), disk);
  }

  /** Those that are there now, to be noted in the registry. */
  mounts(): readonly DiskMount[] {
    return this.#disks.flatMap((disk) => {
      const id = disk.outOfOrder === "vanished" ? undefined : this.#ids.get(disk);
      return id === undefined ? [] : [mountOf(id, disk)];
    });
  }

  async open(process: SimProcess, platform: Platform): Promise<OpenedDisks> {
    const { store, hash, fleet } = this.#options;
    if (fleet === undefined) return { disks: await this.openAll(process), feed: undefined };
    const observations = new DiskObservations(platform.clock);
    const open = ({ path, disk: id }: OfferedDirectory): DataDisk => {
      const disk = must(
        this.#disks.find(({ name }) => name === path),
        "a directory that is offered is there",
      );
      return localDataDisk(hash, id, observations.observe(id, disk.view(process)));
    };
    const offered = (): readonly OfferedDirectory[] => this.#offered();
    const mounted = new MountedDisks(store, offered().map(open));
    const wait = (ms: number, signal: AbortSignal) => platform.clock.sleep(ms, signal);
    return { disks: mounted, feed: { mounted, feed: { offered, open, wait }, observations } };
  }

  /** All disks; StoreError where one is away. */
  async openAll(process: SimProcess): Promise<ExtentDisks> {
    const disks = [];
    for (const disk of this.#disks.map((one) => one.view(process))) {
      const identity = await readIdentity(disk);
      if (identity === undefined) throw new StoreError("missing", `${disk.name} is not there`);
      disks.push(localDataDisk(this.#options.hash, identity.disk, disk));
    }
    return { store: this.#options.store, disks };
  }

  /** The home is left to those who use the index, as in production. */
  #offered(): readonly OfferedDirectory[] {
    return this.#disks.flatMap((disk, place) => {
      const id = this.#ids.get(disk);
      const isAway = place > 0 && disk.outOfOrder === "vanished";
      return id === undefined || isAway ? [] : [{ path: disk.name, disk: id }];
    });
  }

  async #initialise(disk: SimDisk, process: SimProcess, platform: Platform): Promise<void> {
    const { store } = this.#options;
    const options = { store, holdsIndex: disk === this.#disks[0] };
    const identity = await initialiseDataDirectory(disk.view(process), options, platform.random);
    this.#ids.set(disk, identity.disk);
  }
}

function mountOf(disk: DiskId, { name, capacityBytes }: SimDisk): DiskMount {
  return { disk, name, capacityBytes };
}
