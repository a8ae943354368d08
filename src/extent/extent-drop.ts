import { assert } from "../base/assert.ts";
import type { ExtentId } from "../format/ids.ts";
import type { DataDisk, ExtentDisks } from "./extent-files.ts";
import { findDisk } from "./extent-files.ts";
import type { ExtentEntry, ExtentTable } from "./extent-table.ts";
import { onDisk } from "./parts/disk-failure.ts";
import { assertPresent } from "./parts/disk-presence.ts";
import { removeMember } from "./parts/member-file.ts";

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

/** Removes the file of an extent that has no row any more. StoreError `missing` as above. */
export async function dropStray(place: DataDisk, extent: ExtentId): Promise<void> {
  await assertPresent(place);
  await onDisk(removeMember(place.disk, extent));
}
