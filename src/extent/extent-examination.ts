import { isStoreError, type StoreError } from "../base/errors.ts";
import type { MemberState } from "../format/extent-row.ts";
import { idText } from "../format/ids.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import { shardGeometry } from "../format/shard.ts";
import { isDiskError } from "../platform/disk.ts";
import type { Hash } from "../platform/hash.ts";
import type { Clock, Platform } from "../platform/platform.ts";
import { eachWithin, within } from "../platform/within.ts";
import type { DataDisk, ExtentDisks } from "./extent-files.ts";
import { findDisk } from "./extent-files.ts";
import type { ReadableMember } from "./extent-member.ts";
import type { ExtentEntry, ExtentTable } from "./extent-table.ts";
import { onDisk } from "./disk/disk-error-codes.ts";
import { type FileBytes, isReadError } from "./disk/unreadable-bytes.ts";
import { isRemoved } from "./mounted-disks.ts";
import { expectedHeaderOf, mismatchOf, readHeader } from "./member/member-header.ts";
import { openMember } from "./open-member.ts";
import { openTimed } from "./read/timed-member.ts";

export interface ExaminationOptions {
  readonly platform: Pick<Platform, "clock">;
  readonly disks: ExtentDisks;
}

/** What became of an extent's files. */
export interface ExtentExamination {
  /** One for each member of the row; undefined where its disk is not there or fails. */
  readonly states: readonly (MemberState | undefined)[];
  /** Why a disk could not be looked at, if one could not. */
  readonly failure: StoreError | undefined;
}

/**
 * Looks at the files of an extent, but not at their records: are they there, are their headers the
 * ones meant, are they as long as the row says. A member that is behind stays so, whatever its
 * length: its last write may have failed, and only repair knows what is durable in it.
 */
export async function examineExtent(
  hash: Hash,
  disks: ExtentDisks,
  entry: ExtentEntry,
): Promise<ExtentExamination> {
  const states: (MemberState | undefined)[] = [];
  let failure: StoreError | undefined;
  for (const { disk, state } of entry.row.members) {
    // One that was removed from the store does not come back.
    if (isRemoved(disks, disk)) {
      states.push("missing");
      continue;
    }
    try {
      const found = await examineOne(hash, findDisk(disks, disk), entry, disks);
      states.push(state === "behind" && found === "whole" ? state : found);
    } catch (error) {
      if (!isStoreError(error)) throw error;
      failure ??= error;
      states.push(undefined);
    }
  }
  return { states, failure };
}

/** StoreError `missing` where the whole data directory is not there. */
async function examineOne(
  hash: Hash,
  place: DataDisk,
  entry: ExtentEntry,
  disks: ExtentDisks,
): Promise<MemberState> {
  const look = () => onDisk(examineMember(hash, place, entry, disks));
  if ((await look()) === "whole") return "whole";
  // A file is missing only from a disk that is there; it may have come back after the look.
  await place.members.assertPresent();
  return look();
}

/** @limit Bytes of a member in memory while they are read once more. */
const rereadAtOnceBytes = 256 * 1024;

/**
 * Reads bytes of a member once more that its disk could not read. True if it cannot again, though
 * the data directory is there: then the member is damaged. False where it can by now, or where the
 * disk fails as a whole, which says nothing of what it holds. StoreError as the disk fails in
 * another way, or gives no answer.
 */
export async function isStillUnreadable(
  { platform: { clock }, disks }: ExaminationOptions,
  entry: ExtentEntry,
  member: number,
  where: FileBytes,
): Promise<boolean> {
  const place = entry.row.members[member];
  if (place === undefined) return false;
  try {
    const what = `extent ${entry.id}, member ${member}`;
    const file = await openTimed(clock, what, openMember(disks, entry, member));
    try {
      await readAgain(file, where);
    } finally {
      await file.close();
    }
    return false;
  } catch (thrown) {
    if (!isReadError(thrown)) throw thrown;
  }
  return isDiskPresent(clock, findDisk(disks, place.disk));
}

async function readAgain(
  file: Pick<ReadableMember, "read">,
  { offset, bytes }: FileBytes,
): Promise<void> {
  const buffer = new Uint8Array(Math.min(bytes, rereadAtOnceBytes));
  for (let at = offset; at < offset + bytes;) {
    const length = Math.min(buffer.length, offset + bytes - at);
    const found = await file.read(buffer.subarray(0, length), at);
    if (found < length) return;
    at += found;
  }
}

/** @limit A data directory that gives no answer by then is taken to be away until it does. */
const presentMsMax = 2_000;

/** True if the data directory is there, is the one it was, and says so in time. */
export async function isDiskPresent(clock: Clock, place: DataDisk): Promise<boolean> {
  return (await within(clock, presentMsMax, isThere(place))) ?? false;
}

/** Only the data directories that are there now: one that hangs would hold up what needs none. */
export async function presentDisks(
  clock: Clock,
  { store, rows, disks }: ExtentDisks,
): Promise<ExtentDisks> {
  const found = await eachWithin(clock, presentMsMax, disks.map(isThere));
  return { store, rows, disks: disks.filter((_, i) => found[i]) };
}

function isThere({ members }: DataDisk): Promise<boolean> {
  return members.assertPresent().then(
    () => true,
    (error: unknown) => {
      if (!isStoreError(error)) throw error;
      return false;
    },
  );
}

async function examineMember(
  hash: Hash,
  place: DataDisk,
  entry: ExtentEntry,
  { store }: ExtentDisks,
): Promise<MemberState> {
  const noted = entry.row.members.find(({ disk }) => disk === place.id)?.state;
  let member: ReadableMember;
  try {
    member = await place.members.openForReading({ extent: entry.id, layout: entry.row.layout });
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
    if (!isOlder && (await member.size()) >= memberBytes(entry)) return "whole";
    // That a member ends too early is damage where nobody knew it.
    return noted === "behind" ? "behind" : "damaged";
  } finally {
    await member.close();
  }
}

/** How long a member's file is at the least. */
function memberBytes({ row }: ExtentEntry): number {
  if (row.scheme.kind === "replicated" || row.length <= extentHeaderBytes) return row.length;
  return shardGeometry(row.scheme, row.length).fileBytes;
}

/**
 * Notes what was found of an extent's files, in the order of its row: where nothing is known the
 * state stays as it is. Undefined where the row changed meanwhile.
 */
export async function noteMemberStates(
  { log }: Pick<Platform, "log">,
  table: ExtentTable,
  entry: ExtentEntry,
  found: readonly (MemberState | undefined)[],
): Promise<ExtentEntry | undefined> {
  const before = entry.row.members;
  const members = before.map((one, index) => ({ ...one, state: found[index] ?? one.state }));
  if (members.every(({ state }, index) => state === before[index]?.state)) return entry;
  const replaced = await table.replace(entry, { ...entry.row, members });
  if (replaced === "conflict") return undefined;
  for (const [index, { disk, state }] of members.entries()) {
    if (state === before[index]?.state) continue;
    const fields = { extent: entry.id, disk: idText(disk) };
    if (state === "whole") log("info", "extent_file_whole_again", fields);
    else log("error", "extent_file_lost", { ...fields, found: state });
  }
  return replaced;
}
