import { assert } from "../base/assert.ts";
import type { ExtentId, SessionId } from "../format/ids.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import type { Disk } from "../platform/disk.ts";
import type { Hash } from "../platform/hash.ts";
import type { DataDisk, ExtentDisks } from "./extent-files.ts";
import { extentPath, findDisk } from "./extent-files.ts";
import type { ExtentEntry, ExtentTable } from "./extent-table.ts";
import { onDisk } from "./parts/disk-failure.ts";
import { assertPresent } from "./parts/disk-presence.ts";
import { readHeader, removeMember } from "./parts/member-file.ts";

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
  const places = entry.row.members.map((member) => findDisk(disks, member.disk));
  for (const place of places) {
    await assertPresent(place);
    await onDisk(removeMember(place.disk, entry.id));
  }
  if ((await table.remove(entry)) === "conflict") return "conflict";
  // A writer that was only paused when it was taken for dead may have made its file between the
  // two, and found the row still there. Later than now it finds none, and removes it itself.
  for (const { disk } of places) await onDisk(removeMember(disk, entry.id, "if there"));
  return "ok";
}

/**
 * Removes the file of an extent that has no row any more, if nothing but its header was ever written: that is all a
 * writer taken for dead can leave, and `mayWrite` says whether it is dead. A file with records and without a row is not explained by that, and is left for a person to
 * look at. StoreError `missing` as above.
 */
export async function dropStray(
  hash: Hash,
  place: DataDisk,
  extent: ExtentId,
  mayWrite: (session: SessionId) => boolean,
): Promise<boolean> {
  await assertPresent(place);
  return onDisk(removeIfLeft(hash, place.disk, extent, mayWrite));
}

async function removeIfLeft(
  hash: Hash,
  disk: Disk,
  extent: ExtentId,
  mayWrite: (session: SessionId) => boolean,
): Promise<boolean> {
  const file = await disk.open(extentPath(extent), "read");
  const bytes = await file.size();
  const header = await readHeader(hash, file);
  await file.close();
  if (bytes > extentHeaderBytes || (header !== undefined && mayWrite(header.session))) return false;
  await removeMember(disk, extent);
  return true;
}
