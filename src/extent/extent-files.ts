import { StoreError } from "../base/errors.ts";
import type { DiskRow } from "../format/disk-row.ts";
import type { DiskId, ExtentId, StoreId } from "../format/ids.ts";
import type { Disk } from "../platform/disk.ts";
import { idText } from "../format/ids.ts";
import type { MemberName, Members } from "./extent-member.ts";

/** One data directory with its identity. */
export interface DataDisk {
  readonly id: DiskId;
  /** Serves what stands in it beside the members: its identity, its generation, what is free. */
  readonly disk: Disk;
  readonly members: Members;
}

/** The data directories that are there. They come and go while the process runs. */
export interface ExtentDisks {
  readonly store: StoreId;
  /** Another array once they have changed: look anew, and keep nothing by place. */
  readonly disks: readonly DataDisk[];
  /** What the registry says of all disks of the store, some seconds ago; undefined: not known. */
  readonly rows?: ReadonlyMap<DiskId, DiskRow> | undefined;
}

export const extentsDirectory = "extents";

/** Directories below extents/, by the low byte of the id: keeps each one short. */
const extentFanOut = 256;

/** The directory, within a data directory, that an extent's file stands in. */
export function extentDirectory(extent: ExtentId): string {
  return `${extentsDirectory}/${(extent % extentFanOut).toString(16).padStart(2, "0")}`;
}

/**
 * Path of a member's file within a data directory: extents/2a/00000000000f2a.extent, and
 * extents/2a/00000000000f2a-3.extent for layout 3.
 */
export function extentPath(extent: ExtentId, layout = 0): string {
  const id = extent.toString(16).padStart(14, "0");
  return `${extentDirectory(extent)}/${id}${layout === 0 ? "" : `-${layout}`}.extent`;
}

/** The member whose file has this path; undefined where no member's has. */
export function memberOfPath(path: string): MemberName | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const extent = Number.parseInt(name, 16) as ExtentId; // compared with the path it would give
  const dash = name.indexOf("-");
  const layout = dash === -1 ? 0 : Number.parseInt(name.slice(dash + 1), 10);
  if (!Number.isSafeInteger(extent) || !Number.isSafeInteger(layout)) return undefined;
  return extentPath(extent, layout) === path ? { extent, layout } : undefined;
}

/**
 * The disk with this id; StoreError `missing`, naming the fix, where it is not among the data
 * directories.
 */
export function findDisk(disks: ExtentDisks, id: DiskId): DataDisk {
  const found = disks.disks.find((disk) => disk.id === id);
  if (found === undefined) {
    const fix = "mount it again, or replace it (holdfast disk replace)";
    throw new StoreError(
      "missing",
      `the data directory with disk id ${idText(id)} is not there: ${fix}`,
    );
  }
  return found;
}
