import type { DiskId, ExtentId, StoreId } from "../format/ids.ts";
import type { Disk } from "../platform/disk.ts";

/** One data directory with its identity. */
export interface DataDisk {
  readonly id: DiskId;
  readonly disk: Disk;
}

export interface ExtentDisks {
  readonly store: StoreId;
  readonly disks: readonly DataDisk[];
}

export const extentsDirectory = "extents";

/** Directories below extents/, by the low byte of the id: keeps each one short. */
export const extentFanOut = 256;

/** Path of an extent's file within a data directory: extents/2a/00000000000f2a.extent */
export function extentPath(extent: ExtentId): string {
  const name = extent.toString(16).padStart(14, "0");
  return `${extentsDirectory}/${name.slice(-2)}/${name}.extent`;
}
