import { StoreError } from "../base/errors.ts";
import type { DiskId, ExtentId, StoreId } from "../format/ids.ts";
import type { Disk } from "../platform/disk.ts";
import { idText } from "../format/ids.ts";
import type { Members } from "./extent-member.ts";
import type { ExtentEntry } from "./extent-table.ts";

/** One data directory with its identity. */
export interface DataDisk {
  readonly id: DiskId;
  /** Serves what stands in it beside the members: its identity, its generation, what is free. */
  readonly disk: Disk;
  readonly members: Members;
}

export interface ExtentDisks {
  readonly store: StoreId;
  readonly disks: readonly DataDisk[];
}

export const extentsDirectory = "extents";

/** Directories below extents/, by the low byte of the id: keeps each one short. */
const extentFanOut = 256;

/** The directory, within a data directory, that an extent's file stands in. */
export function extentDirectory(extent: ExtentId): string {
  return `${extentsDirectory}/${(extent % extentFanOut).toString(16).padStart(2, "0")}`;
}

/** Path of an extent's file within a data directory: extents/2a/00000000000f2a.extent */
export function extentPath(extent: ExtentId): string {
  return `${extentDirectory(extent)}/${extent.toString(16).padStart(14, "0")}.extent`;
}

/** The extent whose file has this path; undefined where no extent's has. */
export function extentOfPath(path: string): ExtentId | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const id = Number.parseInt(name, 16) as ExtentId; // compared with the path it would give
  return Number.isSafeInteger(id) && extentPath(id) === path ? id : undefined;
}

/**
 * The disk with this id; StoreError `missing`, naming the fix, where it is not among the data
 * directories.
 */
export function findDisk(disks: ExtentDisks, id: DiskId): DataDisk {
  const found = disks.disks.find((disk) => disk.id === id);
  if (found === undefined) {
    const fix = "name it again in the list of data directories";
    throw new StoreError(
      "missing",
      `the data directory with disk id ${idText(id)} is not there: ${fix}`,
    );
  }
  return found;
}

/** Where an extent is read; StoreError `missing` as above. */
export function placeToRead(disks: ExtentDisks, { id, row }: ExtentEntry): DataDisk {
  // The noted state of a member may be out of date, and each read is verified.
  const member = row.members.find(({ state }) => state === "whole") ?? row.members[0];
  if (member === undefined) throw new StoreError("missing", `extent ${id} has no member`);
  return findDisk(disks, member.disk);
}
