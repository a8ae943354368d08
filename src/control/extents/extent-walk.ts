import { StoreError } from "../../base/errors.ts";
import type { ExtentDisks } from "../../extent/extent-files.ts";
import { extentPath, findDisk } from "../../extent/extent-files.ts";
import { scanRecords } from "../../extent/extent-scan.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { RecordHeader } from "../../format/record.ts";
import type { DiskFile } from "../../platform/disk.ts";
import { isDiskError } from "../../platform/disk.ts";
import type { StoragePlane } from "../storage-plane.ts";

/** Opens a member of the extent for reading; StoreError `missing` where there is none. */
export async function openExtent(disks: ExtentDisks, entry: ExtentEntry): Promise<DiskFile> {
  const member = entry.row.members.find(({ state }) => state === "whole");
  if (member === undefined) throw new StoreError("missing", `extent ${entry.id} has no whole copy`);
  try {
    return await findDisk(disks, member.disk).disk.open(extentPath(entry.id), "read");
  } catch (thrown) {
    if (!isDiskError(thrown, "missing")) throw thrown;
    throw new StoreError("missing", `extent ${entry.id}: its file is not there`, { cause: thrown });
  }
}

/**
 * The headers of all records of a sealed extent, in order; payloads are not read. StoreError `corrupt` where a header
 * does not hold: what lies behind it cannot be found then.
 */
export async function* walkRecords(
  { platform, disks }: Pick<StoragePlane, "platform" | "disks">,
  entry: ExtentEntry,
  signal: AbortSignal,
): AsyncGenerator<RecordHeader, void, undefined> {
  const { id } = entry;
  const { length } = entry.row;
  if (length <= extentHeaderBytes) return;
  const file = await openExtent(disks, entry);
  try {
    let end = extentHeaderBytes;
    const from = end;
    const scan = { platform, file, extent: id, from, to: length, skipPayload: true, signal };
    for await (const record of scanRecords(scan)) {
      if (record.payloadError !== undefined) throw record.payloadError;
      end = record.end;
      yield record.header;
    }
    if (end !== length) throw new StoreError("corrupt", `extent ${id}: no record at ${end}`);
  } finally {
    await file.close();
  }
}
