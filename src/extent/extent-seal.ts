import { assert } from "../base/assert.ts";
import { StoreError } from "../base/errors.ts";
import type { ExtentHeader } from "../format/extent-header.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import type { SessionId } from "../format/ids.ts";
import type { DiskFile } from "../platform/disk.ts";
import { isDiskError } from "../platform/disk.ts";
import type { Platform } from "../platform/platform.ts";
import type { DataDisk, ExtentDisks } from "./extent-files.ts";
import { extentPath, findDisk } from "./extent-files.ts";
import { scanRecords } from "./extent-scan.ts";
import type { ExtentEntry, ExtentTable } from "./extent-table.ts";
import { batchBytesMax } from "./parts/append-lane.ts";
import { onDisk } from "./parts/disk-failure.ts";
import { assertPresent } from "./parts/disk-presence.ts";
import { expectedHeaderOf, isUnfinished, mismatchOf, writerEpoch } from "./parts/member-drop.ts";
import { readHeader, writeHeader } from "./parts/member-file.ts";

export interface SealOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  /** An open extent whose writer's session is fenced in every partition. */
  readonly entry: ExtentEntry;
  /** Of whoever seals. */
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
 * commit for it any more, so the extent is settled at once. Without a record it ends behind its header. Its length
 * is 0 where there is no file that proves to be its own: one that is another's is not touched (C9).
 *
 * The epoch is made from the session of whoever seals. So one that was only paused, and taken for dead, cannot raise it
 * past what the row says once others have sealed the extent.
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
  const [member] = entry.row.members;
  assert(member !== undefined && entry.row.members.length === 1, "one member for now");
  const place = findDisk(options.disks, member.disk);
  await assertPresent(place);
  const epoch = sealingEpoch(options);
  let file: DiskFile;
  try {
    file = await place.disk.open(extentPath(entry.id), "write");
  } catch (error) {
    // Its writer died between committing the row and making the file.
    if (isDiskError(error, "missing")) return { length: 0, epoch };
    throw error;
  }
  try {
    if (!(await isOwn(options, entry, place, file))) return { length: 0, epoch };
    await raiseEpoch(options, entry, place, file);
    const length = await validLength(options, entry, file);
    await writeTailAgain(file, length);
    await file.sync();
    return { length, epoch };
  } finally {
    await file.close();
  }
}

/**
 * A sync may have failed, and told only the writer that is dead now: then the system holds what it
 * could not write for clean, gives it to whoever reads, and forgets it at a power cut. To be in
 * such a state is the last batch at the most. Written again it is durable once synced.
 */
async function writeTailAgain(file: DiskFile, length: number): Promise<void> {
  const start = Math.max(extentHeaderBytes, length - batchBytesMax);
  if (start >= length) return;
  const tail = new Uint8Array(length - start);
  await file.read(tail, start);
  await file.write([tail], start);
}

/** Above the writer's, and above that of everybody who sealed before. */
function sealingEpoch({ session }: SealOptions): number {
  return writerEpoch + session;
}

/**
 * Whether this is the file that the row means. Records name their extent and session, so they prove it where both header slots have
 * gone bad; a file with nothing in it is as good as none.
 */
async function isOwn(
  { platform, disks }: SealOptions,
  entry: ExtentEntry,
  place: DataDisk,
  file: DiskFile,
): Promise<boolean> {
  const { id } = entry;
  const header = await readHeader(platform.hash, file);
  let doubt: string | undefined;
  const expected = expectedHeaderOf(disks.store, place.id, entry);
  if (header !== undefined) doubt = mismatchOf(header, expected);
  else if (!(await isUnfinished(platform.hash, file, expected))) {
    doubt = "neither its header nor a record of its writer can be read";
    for await (const seen of scanRecords({ platform, file, extent: id, from: extentHeaderBytes })) {
      if (seen.kind === "record" && seen.header.session === entry.row.session) return true;
    }
  }
  if (doubt === undefined) return true;
  platform.log("error", "extent_file_kept", { extent: id, disk: place.disk.name, why: doubt });
  return false;
}

/** Durable once this returns. StoreError `fenced` where a later session has sealed it. */
async function raiseEpoch(
  options: SealOptions,
  { id, row }: ExtentEntry,
  place: DataDisk,
  file: DiskFile,
): Promise<void> {
  const { platform, disks } = options;
  const epoch = sealingEpoch(options);
  const current = await readHeader(platform.hash, file);
  if (current !== undefined && current.epoch > epoch) {
    throw new StoreError(
      "fenced",
      `extent ${id}: a later process has sealed it (epoch ${current.epoch})`,
    );
  }
  const header: ExtentHeader = {
    sequence: (current?.sequence ?? 0) + 1,
    store: disks.store,
    disk: place.id,
    extent: id,
    scheme: row.scheme,
    member: 0,
    epoch,
    session: row.session,
    createdMs: row.createdMs,
  };
  await writeHeader(platform.hash, file, header);
}

/** Up to the end of the last valid record. */
async function validLength(
  { platform }: SealOptions,
  { id }: ExtentEntry,
  file: DiskFile,
): Promise<number> {
  let length = extentHeaderBytes;
  let bytesBad = 0;
  let bytesBadWithin = 0;
  for await (const seen of scanRecords({ platform, file, extent: id, from: extentHeaderBytes })) {
    if (seen.kind === "hole" || seen.payloadError !== undefined) {
      bytesBad += seen.end - seen.offset;
      continue;
    }
    length = seen.end;
    bytesBadWithin = bytesBad;
  }
  if (bytesBadWithin > 0) {
    platform.log("error", "extent_sealed_with_damage", { extent: id, length, bytesBadWithin });
  }
  return length;
}
