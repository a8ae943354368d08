import { assert } from "../base/assert.ts";
import { isStoreError } from "../base/errors.ts";
import type { MemberState } from "../format/extent-row.ts";
import { isDiskError } from "../platform/disk.ts";
import type { Hash } from "../platform/hash.ts";
import type { Platform } from "../platform/platform.ts";
import type { DataDisk, ExtentDisks } from "./extent-files.ts";
import { findDisk } from "./extent-files.ts";
import type { ReadableMember } from "./extent-member.ts";
import type { ExtentEntry, ExtentTable } from "./extent-table.ts";
import { onDisk } from "./disk/disk-error-codes.ts";
import { expectedHeaderOf, mismatchOf, readHeader } from "./member/member-header.ts";

/**
 * Looks at an extent's file, but not at its records: is it there, is its header the one meant, is
 * it as long as its row says. StoreError `missing` where the whole data directory is not there
 * (then nothing is known of its files), `io` and so on where the disk fails.
 */
export async function examineExtent(
  hash: Hash,
  disks: ExtentDisks,
  entry: ExtentEntry,
): Promise<MemberState> {
  const [member] = entry.row.members;
  assert(member !== undefined && entry.row.members.length === 1, "one member for now");
  const place = findDisk(disks, member.disk);
  const look = () => onDisk(examineMember(hash, place, entry, disks));
  if ((await look()) === "whole") return "whole";
  // A file is missing only from a disk that is there; it may have come back after the look.
  await place.members.assertPresent();
  return look();
}

/** True if the data directory is there, and is the one it was. */
export async function isDiskPresent(place: DataDisk): Promise<boolean> {
  try {
    await place.members.assertPresent();
    return true;
  } catch (error) {
    if (!isStoreError(error)) throw error;
    return false;
  }
}

async function examineMember(
  hash: Hash,
  place: DataDisk,
  entry: ExtentEntry,
  { store }: ExtentDisks,
): Promise<MemberState> {
  let member: ReadableMember;
  try {
    member = await place.members.openForReading(entry.id);
  } catch (error) {
    if (isDiskError(error, "missing")) return "missing";
    throw error;
  }
  try {
    const header = await readHeader(hash, member);
    const expected = expectedHeaderOf(store, place.id, entry);
    if (header === undefined || mismatchOf(header, expected) !== undefined) return "damaged";
    // Sealing raises the epoch in the file before it does in the row: one behind that is of an
    // older copy.
    const isOlder = header.epoch < expected.epoch;
    return isOlder || (await member.size()) < entry.row.length ? "damaged" : "whole";
  } finally {
    await member.close();
  }
}

/** Notes what was found of an extent's file; undefined where the row changed meanwhile. */
export async function noteMemberState(
  { log }: Pick<Platform, "log">,
  table: ExtentTable,
  entry: ExtentEntry,
  found: MemberState,
): Promise<ExtentEntry | undefined> {
  const members = entry.row.members.map((member) => ({ ...member, state: found }));
  const replaced = await table.replace(entry, { ...entry.row, members });
  if (replaced === "conflict") return undefined;
  if (found === "whole") log("info", "extent_file_whole_again", { extent: entry.id });
  else log("error", "extent_file_lost", { extent: entry.id, found });
  return replaced;
}
