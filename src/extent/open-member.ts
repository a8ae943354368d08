import { StoreError } from "../base/errors.ts";
import { isDiskError } from "../platform/disk.ts";
import { storeFailure } from "./disk/disk-error-codes.ts";
import { type ExtentDisks, findDisk } from "./extent-files.ts";
import type { ReadableMember } from "./extent-member.ts";
import type { ExtentEntry } from "./extent-table.ts";

/** Opens a member's file for reading, by its name alone; fails with StoreError as above. */
export async function openMember(
  disks: ExtentDisks,
  { id, row }: ExtentEntry,
  member: number,
): Promise<ReadableMember> {
  const place = row.members[member];
  if (place === undefined) throw new StoreError("missing", `extent ${id} has no member ${member}`);
  const { members } = findDisk(disks, place.disk);
  try {
    return await members.openForReading({ extent: id, layout: row.layout });
  } catch (thrown) {
    if (!isDiskError(thrown, "missing")) throw storeFailure(thrown);
    throw new StoreError("missing", `extent ${id}: its file is not there`, { cause: thrown });
  }
}
