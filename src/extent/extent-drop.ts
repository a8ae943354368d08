import { assert } from "../base/assert.ts";
import { isStoreError, type StoreError } from "../base/errors.ts";
import type { ExtentHeader } from "../format/extent-header.ts";
import { filesOf, type MemberFile } from "../format/extent-row.ts";
import type { DiskId, SessionId } from "../format/ids.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import { isDiskError } from "../platform/disk.ts";
import type { Clock, Platform } from "../platform/platform.ts";
import type { DataDisk, ExtentDisks } from "./extent-files.ts";
import type { MemberDrop, MemberDropped, MemberName, ReadableMember } from "./extent-member.ts";
import type { ExtentEntry, ExtentTable } from "./extent-table.ts";
import { isDiskPresent, presentDisks } from "./extent-examination.ts";
import { isRemoved } from "./mounted-disks.ts";
import { onDisk } from "./disk/disk-error-codes.ts";
import { expectedHeaderOfFile, isUnfinished, readHeader } from "./member/member-header.ts";

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

export interface FilesToDrop extends Pick<MemberDrop, "bytesMax" | "sync"> {
  /** Files that the row states. */
  readonly files: readonly MemberFile[];
  /** The reason, for the log. */
  readonly why: string;
}

export interface FilesDropped {
  /** Files that there are no more, or that are kept since they did not prove to be the ones meant. */
  readonly gone: readonly MemberFile[];
  /** Those whose disks are not there, or fail. */
  readonly left: readonly MemberFile[];
  readonly removed: number;
  readonly kept: number;
  /** Why a disk that is there failed, if one did. */
  readonly failure: StoreError | undefined;
}

/** Removes files of an extent, each for itself: a disk that is away or fails delays no other. */
export async function dropFiles(
  { platform, disks }: Pick<DropOptions, "platform" | "disks">,
  entry: ExtentEntry,
  { files, ...drop }: FilesToDrop,
): Promise<FilesDropped> {
  const places = await placesThere(platform.clock, disks, files);
  const gone: MemberFile[] = [];
  const left: MemberFile[] = [];
  const counts = { removed: 0, kept: 0, absent: 0 };
  let failure: StoreError | undefined;
  for (const file of files) {
    const place = places.get(file.disk);
    if (place === undefined) {
      left.push(file);
      continue;
    }
    const expected = expectedHeaderOfFile(disks.store, entry, file);
    try {
      const { outcome } = await onDisk(dropMember(platform, { ...drop, place, expected }));
      // A disk that went meanwhile takes its files with it.
      // holds: C5 absent-from-a-disk-that-is-there
      if (outcome === "absent") await place.members.assertPresent();
      counts[outcome]++;
      gone.push(file);
    } catch (thrown) {
      if (!isStoreError(thrown)) throw thrown;
      left.push(file);
      if (await isDiskPresent(platform.clock, place)) failure ??= thrown;
    }
  }
  return { gone, left, removed: counts.removed, kept: counts.kept, failure };
}

/** The disks of files that are there, looked at together: if the machine stands still, all are. */
export async function placesThere(
  clock: Clock,
  { store, rows, disks }: ExtentDisks,
  files: readonly MemberFile[],
): Promise<ReadonlyMap<DiskId, DataDisk>> {
  const theirs = disks.filter(({ id }) => files.some(({ disk }) => disk === id));
  const present = await presentDisks(clock, { store, rows, disks: theirs });
  return new Map(present.disks.map((place) => [place.id, place]));
}

export interface DropOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  /** An extent in state `dropping` that nobody can still read from. */
  readonly entry: ExtentEntry;
}

/**
 * Removes an extent's files and then its row: a crash between them leaves the row, and dropping
 * again finds no file, which is no error. A file that does not prove to be one the row means is
 * kept, without a row then (`kept`): it is a person's to look at. A file on a disk that is not there
 * would come back with it: then the row stays, as one of files that are leaving (`away`). So it does
 * where a disk fails, which is thrown after the other files have gone. Files on disks that were
 * removed from the store are left alone.
 */
export async function dropExtent(
  options: DropOptions,
): Promise<"ok" | "kept" | "away" | "conflict"> {
  const { disks, table, entry } = options;
  const { state, coming, length } = entry.row;
  assert(state === "dropping", `extent ${entry.id} is ${state}: it can't be dropped`);
  assert(coming.length === 0, `extent ${entry.id}: files of it are being made`);
  const files = filesOf(entry.row).filter(({ disk }) => !isRemoved(disks, disk));
  // The process that closed it at length 0 found no file of it, or had just made one.
  const bytesMax = length === 0 ? extentHeaderBytes : undefined;
  const drop = { bytesMax, why: "nothing refers to it" };
  const { gone, left, kept, failure } = await dropFiles(options, entry, { files, ...drop });
  if (left.length > 0) {
    const rest = { ...entry.row, members: [], leaving: left };
    const isOther = left.length < filesOf(entry.row).length;
    if (isOther && (await table.replace(entry, rest)) === "conflict") return "conflict";
    if (failure !== undefined) throw failure;
    return "away";
  }
  if ((await table.remove(entry)) === "conflict") return "conflict";
  if (kept > 0) return "kept";
  // A writer that was only paused when it was taken for dead may have made its file between the
  // two, and found the row still there. Later than now it finds none, and removes it itself.
  const { failure: late } = await dropFiles(options, entry, {
    ...drop,
    files: gone,
    sync: "if there",
  });
  if (late !== undefined) throw late;
  return "ok";
}

export interface StrayOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly place: DataDisk;
  readonly name: MemberName;
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
  const { platform, disks, place, name, writerIs } = options;
  await place.members.assertPresent();
  const found = await onDisk(readStray(options));
  if (found === "gone") return "gone";
  if (found === "unexplained") return "kept";
  const { session, createdMs, epoch } = found === "blank" ? blankHeader : found;
  const writer = found === "blank" ? "ended" : writerIs(session);
  if (writer !== "ended") return writer === "alive" ? "in use" : "kept";
  const expected = { store: disks.store, disk: place.id, ...name, session, createdMs, epoch };
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
  name,
}: StrayOptions): Promise<ExtentHeader | "blank" | "unexplained" | "gone"> {
  let member: ReadableMember;
  try {
    member = await place.members.openForReading(name);
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
