import type { MemberFile } from "../format/extent-row.ts";
import { onDisk } from "./disk/disk-error-codes.ts";
import { type DataDisk, type ExtentDisks, findDisk } from "./extent-files.ts";
import type { ExtentMember } from "./extent-member.ts";
import type { ExtentEntry } from "./extent-table.ts";
import { expectedHeaderOfFile } from "./member/member-header.ts";

interface FilesOptions {
  readonly disks: ExtentDisks;
}

/**
 * Makes the file of a member of a sealed extent, at the row's epoch; the row states it. StoreError
 * as its disk is not there or fails.
 */
export async function createMemberFile(
  { disks }: FilesOptions,
  entry: ExtentEntry,
  file: MemberFile,
): Promise<ExtentMember> {
  const place = await presentPlace(disks, file);
  const header = { ...expectedHeaderOfFile(disks.store, entry, file), sequence: 0 };
  return onDisk(place.members.create(header));
}

/**
 * Opens the file of a member of a sealed extent for writing at the row's epoch, or makes it where
 * there is none. `doubtful`: there is one that does not prove to be it. StoreError as above.
 */
export async function openMemberFile(
  { disks }: FilesOptions,
  entry: ExtentEntry,
  file: MemberFile,
): Promise<ExtentMember | "doubtful"> {
  const place = await presentPlace(disks, file);
  const expected = expectedHeaderOfFile(disks.store, entry, file);
  const member = await onDisk(place.members.open(expected));
  if (member === "absent") return createMemberFile({ disks }, entry, file);
  if ("doubt" in member) return "doubtful";
  try {
    // It may have an older one, if its disk was away when the extent was sealed.
    await onDisk(member.seal(expected.epoch));
    return member;
  } catch (error) {
    await member.close();
    throw error;
  }
}

async function presentPlace(disks: ExtentDisks, file: MemberFile): Promise<DataDisk> {
  const place = findDisk(disks, file.disk);
  await place.members.assertPresent();
  return place;
}
