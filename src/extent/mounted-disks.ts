import type { DiskRow } from "../format/disk-row.ts";
import type { DiskId, StoreId } from "../format/ids.ts";
import type { DataDisk, ExtentDisks } from "./extent-files.ts";

/**
 * The data directories that a process has before it, and what the registry says of their disks. All
 * who reach disks hold this one list; its owner, one for each process, puts others in their place
 * while they work (server/disk-watch.ts). Who keeps something for each disk looks whether the array
 * is still the same.
 */
export class MountedDisks implements ExtentDisks {
  readonly store: StoreId;
  #disks: readonly DataDisk[];
  #rows: ReadonlyMap<DiskId, DiskRow> | undefined;

  constructor(store: StoreId, disks: readonly DataDisk[]) {
    this.store = store;
    this.#disks = disks;
  }

  get disks(): readonly DataDisk[] {
    return this.#disks;
  }

  get rows(): ReadonlyMap<DiskId, DiskRow> | undefined {
    return this.#rows;
  }

  /** The array stays the same one where the disks are the same. */
  set(disks: readonly DataDisk[], rows: ReadonlyMap<DiskId, DiskRow>): void {
    this.#rows = rows;
    const isSame =
      disks.length === this.#disks.length && disks.every((disk, i) => disk === this.#disks[i]);
    if (!isSame) this.#disks = disks;
  }
}

/** True if new members are placed on the disk, as far as this process knows. */
export function takesNewMembers({ rows }: ExtentDisks, id: DiskId): boolean {
  const row = rows?.get(id);
  return rows === undefined || row === undefined || row.state === "active";
}

/** True of a disk that is no part of the store any more: what was on it is gone, and left alone. */
export function isRemoved({ rows }: ExtentDisks, id: DiskId): boolean {
  return rows?.get(id)?.state === "removed";
}

/** True of a disk that failed too often: it is read as a last resort. */
export function isOut({ rows }: ExtentDisks, id: DiskId): boolean {
  return rows?.get(id)?.state === "out";
}
