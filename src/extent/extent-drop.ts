import { assert } from "../base/assert.ts";
import type { ExtentHeader } from "../format/extent-header.ts";
import type { ExtentId, SessionId } from "../format/ids.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import { isDiskError } from "../platform/disk.ts";
import type { Platform } from "../platform/platform.ts";
import type { DataDisk, ExtentDisks } from "./extent-files.ts";
import { findDisk } from "./extent-files.ts";
import type { MemberDrop, MemberDropped, ReadableMember } from "./extent-member.ts";
import type { ExtentEntry, ExtentTable } from "./extent-table.ts";
import { onDisk } from "./disk/disk-error-codes.ts";
import { expectedHeaderOf, isUnfinished, readHeader } from "./member/member-header.ts";

export interface MemberDropOptions extends MemberDrop {
  readonly place: DataDisk;
  /** The reason, for the log. */
  readonly why: string;
}

/** Drops a member, and logs what became of it. DiskError where the disk fails. */
export async function dropMember(
  { log }: Pick<Platform, "log">,
  { place, why, ...drop }: MemberDropOptions,
): Promise<MemberDropped> {
  const dropped = await place.members.drop(drop);
  if (dropped.outcome === "absent") return dropped;
  const { bytes } = dropped;
  const fields = { extent: drop.expected.extent, disk: place.members.name, bytes };
  if (dropped.outcome === "kept") log("error", "extent_file_kept", { ...fields, why: dropped.why });
  else log("info", "extent_removed", { ...fields, why });
  return dropped;
}

export interface DropOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  /** An extent in state `dropping` that nobody can still read from. */
  readonly entry: ExtentEntry;
}

/**
 * Removes an extent's file and then its row: a crash between them leaves the row, and dropping
 * again finds no file, which is no error. A file that does not prove to be the one the row means is
 * kept, without a row then (`kept`): it is a person's to look at. StoreError `missing` where the
 * data directory is not there: the file would come back with it.
 */
export async function dropExtent(options: DropOptions): Promise<"ok" | "kept" | "conflict"> {
  const { platform, disks, table, entry } = options;
  const { state, length } = entry.row;
  assert(state === "dropping", `extent ${entry.id} is ${state}: it can't be dropped`);
  // The process that closed it at length 0 found no file of it, or had just made one.
  const bytesMax = length === 0 ? extentHeaderBytes : undefined;
  const drops = entry.row.members.map((member) => {
    const place = findDisk(disks, member.disk);
    const expected = expectedHeaderOf(disks.store, member.disk, entry);
    return { place, expected, bytesMax, why: "nothing refers to it" };
  });
  let isKept = false;
  for (const drop of drops) {
    await drop.place.members.assertPresent();
    isKept = (await onDisk(dropMember(platform, drop))).outcome === "kept" || isKept;
  }
  if ((await table.remove(entry)) === "conflict") return "conflict";
  if (isKept) return "kept";
  // A writer that was only paused when it was taken for dead may have made its file between the
  // two, and found the row still there. Later than now it finds none, and removes it itself.
  for (const drop of drops) await onDisk(dropMember(platform, { ...drop, sync: "if there" }));
  return "ok";
}

export interface StrayOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly place: DataDisk;
  readonly extent: ExtentId;
  /** The state of a session's process; `unknown`: the index never gave this session. */
  readonly writerIs: (session: SessionId) => "alive" | "ended" | "unknown";
}

/** `in use`: by a writer that is alive. `kept`: for a person to look at. */
export type StrayOutcome = "removed" | "gone" | "in use" | "kept";

/**
 * Removes the file of an extent that has no row any more, if nothing but its header was ever
 * written by a writer that has ended: that is all a writer taken for dead can leave. A file with
 * records and without a row is not explained by that, and is left for a person to look at.
 * StoreError `missing` as above.
 */
export async function dropStray(options: StrayOptions): Promise<StrayOutcome> {
  const { platform, disks, place, extent, writerIs } = options;
  await place.members.assertPresent();
  const found = await onDisk(readStray(options));
  if (found === "gone") return "gone";
  if (found === "unexplained") return "kept";
  const { session, createdMs, epoch } = found === "blank" ? blankHeader : found;
  const writer = found === "blank" ? "ended" : writerIs(session);
  if (writer !== "ended") return writer === "alive" ? "in use" : "kept";
  const expected = { store: disks.store, disk: place.id, extent, session, createdMs, epoch };
  const why = "it has no row, and holds no record";
  const drop = { place, expected, bytesMax: extentHeaderBytes, why };
  const { outcome } = await onDisk(dropMember(platform, drop));
  return outcome === "absent" ? "gone" : outcome;
}

/** No file has this header, so a file with any header is kept. */
const blankHeader = { session: 0 as SessionId, createdMs: -1, epoch: 0 };

async function readStray({
  platform,
  place,
  extent,
}: StrayOptions): Promise<ExtentHeader | "blank" | "unexplained" | "gone"> {
  let member: ReadableMember;
  try {
    member = await place.members.openForReading(extent);
  } catch (error) {
    if (isDiskError(error, "missing")) return "gone";
    throw error;
  }
  try {
    if ((await member.size()) > extentHeaderBytes) return "unexplained";
    const header = await readHeader(platform.hash, member);
    return header ?? ((await isUnfinished(platform.hash, member)) ? "blank" : "unexplained");
  } finally {
    await member.close();
  }
}
