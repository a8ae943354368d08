import { assert } from "../base/assert.ts";
import { StoreError } from "../base/errors.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import type { SessionId } from "../format/ids.ts";
import type { Platform } from "../platform/platform.ts";
import type { ExtentDisks } from "./extent-files.ts";
import { findDisk } from "./extent-files.ts";
import type { ExtentMember } from "./extent-member.ts";
import { scanRecords } from "./extent-scan.ts";
import type { ExtentEntry, ExtentTable } from "./extent-table.ts";
import { batchBytesMax } from "./append/append-lane.ts";
import { onDisk } from "./disk/disk-error-codes.ts";
import { expectedHeaderOf, writerEpoch } from "./member/member-header.ts";

export interface SealOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  /** An open extent whose writer's session is fenced in every partition. */
  readonly entry: ExtentEntry;
  /** The session of the process that seals. */
  readonly session: SessionId;
}

/**
 * Seals an extent that its writer left open. The epoch in its header is raised first: a writer that
 * was only paused sees that after its next sync and answers nobody. Then what it wrote is looked
 * for, and synced (the writer may have died before that), and its length committed.
 *
 * The last valid record ends the extent, whatever lies before it: a record that was acknowledged
 * may have been damaged since, and those behind it are as good as ever. A record of the last write,
 * torn by a crash, counts in as well if one behind it is whole; nothing refers to it.
 *
 * A crash anywhere leaves the row open, and the whole is done again. No writer can have rows to
 * commit for it any more, so the extent is settled at once. Without a record it ends behind its
 * header. Its length is 0 where there is no file that proves to be its own: one that is another's
 * is not touched (C9).
 *
 * The epoch is made from the session of the process that seals. So one that was only paused, and
 * taken for dead, cannot raise it past what the row says once others have sealed the extent.
 *
 * Returns the row as it is now, which is another's where somebody else sealed it first. StoreError
 * `missing` where the data directory is not there: the extent stays open, since its records may
 * come back with it.
 */
export async function sealAbandoned(options: SealOptions): Promise<ExtentEntry> {
  const { table } = options;
  let { entry } = options;
  while (entry.row.state === "open") {
    const { length, epoch } = await onDisk(closeMember(options, entry));
    const sealedMs = options.platform.clock.now();
    const row = { ...entry.row, state: "settled" as const, length, epoch, sealedMs };
    const replaced = await table.replace(entry, row);
    if (replaced !== "conflict") return replaced;
    // Dead bytes were added to the row, or somebody else sealed it: the next round sees which.
    const fresh = await table.get(entry.id);
    if (fresh === undefined) throw new StoreError("missing", `extent ${entry.id} has gone`);
    entry = fresh;
  }
  return entry;
}

async function closeMember(
  options: SealOptions,
  entry: ExtentEntry,
): Promise<{ length: number; epoch: number }> {
  const [first] = entry.row.members;
  assert(first !== undefined && entry.row.members.length === 1, "one member for now");
  const place = findDisk(options.disks, first.disk);
  await place.members.assertPresent();
  const epoch = sealingEpoch(options);
  const expected = expectedHeaderOf(options.disks.store, place.id, entry);
  const member = await place.members.open(expected);
  // Its writer died between committing the row and making the file.
  if (member === "absent") return { length: 0, epoch };
  if ("doubt" in member) {
    const fields = { extent: entry.id, disk: place.members.name, why: member.doubt };
    options.platform.log("error", "extent_file_kept", fields);
    return { length: 0, epoch };
  }
  try {
    await member.seal(epoch);
    const length = await validLength(options, entry, member);
    await writeTailAgain(member, epoch, length);
    return { length, epoch };
  } finally {
    await member.close();
  }
}

/**
 * A sync may have failed, and only the writer knew, which is dead now: then the system holds what
 * it could not write for clean, gives it to readers, and forgets it at a power cut. To be in such a
 * state is the last batch at the most. Written again it is durable once synced.
 */
async function writeTailAgain(member: ExtentMember, epoch: number, length: number): Promise<void> {
  const start = Math.max(extentHeaderBytes, length - batchBytesMax);
  if (start >= length) return;
  const tail = new Uint8Array(length - start);
  await member.read(tail, start);
  await member.append(epoch, start, [tail]);
}

/** An epoch above the writer's and above that of everybody who sealed before. */
function sealingEpoch({ session }: SealOptions): number {
  return writerEpoch + session;
}

/** Finds the length up to the end of the last valid record. */
async function validLength(
  { platform }: SealOptions,
  { id }: ExtentEntry,
  member: ExtentMember,
): Promise<number> {
  let length = extentHeaderBytes;
  let bytesBad = 0;
  let bytesBadWithin = 0;
  for await (const seen of scanRecords({
    platform,
    file: member,
    extent: id,
    from: extentHeaderBytes,
  })) {
    if (seen.kind === "hole" || seen.payloadError !== undefined) {
      bytesBad += seen.end - seen.offset;
      continue;
    }
    // holds: C1 sealed-behind-last-record
    length = seen.end;
    bytesBadWithin = bytesBad;
  }
  if (bytesBadWithin > 0) {
    platform.log("error", "extent_sealed_with_damage", { extent: id, length, bytesBadWithin });
  }
  return length;
}
