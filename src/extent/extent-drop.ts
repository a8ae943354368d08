import { assert } from "../base/assert.ts";
import type { ExtentId } from "../format/ids.ts";
import type { Disk } from "../platform/disk.ts";
import { isDiskError } from "../platform/disk.ts";
import type { ExtentDisks } from "./extent-files.ts";
import { extentDirectory, extentPath, findDisk } from "./extent-files.ts";
import type { ExtentEntry, ExtentTable } from "./extent-table.ts";
import { onDisk } from "./parts/disk-failure.ts";
import { assertPresent } from "./parts/disk-presence.ts";

export interface DropOptions {
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  /** Dropping, and nobody can still read from it; or without any record. */
  readonly entry: ExtentEntry;
}

/**
 * Removes an extent's file and then its row: a crash between them leaves the row, and dropping
 * again finds no file, which is no error. StoreError `missing` where the data directory is not
 * there: the file would come back with it.
 */
export async function dropExtent({ disks, table, entry }: DropOptions): Promise<"ok" | "conflict"> {
  const { state, length } = entry.row;
  const isEmpty = state === "settled" && length === 0;
  assert(state === "dropping" || isEmpty, `extent ${entry.id} is ${state}: it can't be dropped`);
  for (const member of entry.row.members) {
    const place = findDisk(disks, member.disk);
    await assertPresent(place);
    await onDisk(removeFile(place.disk, entry.id));
  }
  return table.remove(entry);
}

async function removeFile(disk: Disk, extent: ExtentId): Promise<void> {
  try {
    await disk.remove(extentPath(extent));
  } catch (error) {
    if (!isDiskError(error, "missing")) throw error;
  }
  try {
    await disk.syncDirectory(extentDirectory(extent));
  } catch (error) {
    // Not even the directory was made.
    if (!isDiskError(error, "missing")) throw error;
  }
}
