import { isStoreError, StoreError } from "../../base/errors.ts";
import { type ExtentDisks, placeToRead } from "../../extent/extent-files.ts";
import type { ReadableMember } from "../../extent/extent-member.ts";
import type { ExtentReader } from "../../extent/extent-reader.ts";
import { type ScannedHole, type ScannedRecord, scanRecords } from "../../extent/extent-scan.ts";
import type { ExtentEntry, ExtentTable } from "../../extent/extent-table.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import { isDiskError } from "../../platform/disk.ts";
import type { Platform } from "../../platform/platform.ts";

/** What background work needs to look into extents. */
export interface StoragePlane {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  readonly reader: ExtentReader;
}

/** Opens a member of the extent for reading; StoreError `missing` where there is none. */
export async function openExtent(disks: ExtentDisks, entry: ExtentEntry): Promise<ReadableMember> {
  try {
    return await placeToRead(disks, entry).members.openForReading(entry.id);
  } catch (thrown) {
    if (!isDiskError(thrown, "missing")) throw thrown;
    throw new StoreError("missing", `extent ${entry.id}: its file is not there`, { cause: thrown });
  }
}

/**
 * All records of a sealed extent, and its holes, in order; payloads are not read. The file is
 * walked to its very end: a record that was damaged when the extent was sealed may lie behind its
 * length. A walk without a hole has met all there ever was in it. StoreError `missing` where there
 * should be a file.
 */
export async function* walkRecords(
  { platform, disks }: Pick<StoragePlane, "platform" | "disks">,
  entry: ExtentEntry,
  signal: AbortSignal,
): AsyncGenerator<ScannedRecord | ScannedHole, void, undefined> {
  const from = extentHeaderBytes;
  let file: ReadableMember;
  try {
    file = await openExtent(disks, entry);
  } catch (thrown) {
    if (!isStoreError(thrown, "missing") || entry.row.length > from) throw thrown;
    // Its writer may have died before it made the file; or the disk is not mounted.
    yield { kind: "hole", offset: from, end: from };
    return;
  }
  try {
    const to = Math.max(await file.size(), entry.row.length);
    yield* scanRecords({ platform, file, extent: entry.id, from, to, skipPayload: true, signal });
  } finally {
    await file.close();
  }
}

/** How many bytes of it lie within the length of its extent: those that count there. */
export function bytesWithin(
  { row }: ExtentEntry,
  { offset, end }: ScannedRecord | ScannedHole,
): number {
  return Math.max(0, Math.min(end, row.length) - offset);
}
