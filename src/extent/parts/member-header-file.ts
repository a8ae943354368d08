import { isStoreError } from "../../base/errors.ts";
import type { ExtentHeader } from "../../format/extent-header.ts";
import { decodeExtentHeader } from "../../format/extent-header.ts";
import type { ExtentId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { Disk, DiskFile } from "../../platform/disk.ts";
import { isDiskError } from "../../platform/disk.ts";
import type { Hash } from "../../platform/hash.ts";
import { extentDirectory, extentPath } from "../extent-files.ts";

/**
 * Removes whatever file has an extent's name, durably; it is no error if there is none, and then
 * the name is synced all the same (a crash may have come before that). Only for who has proved what
 * it is: member-drop.ts.
 */
export async function unlinkMember(disk: Disk, extent: ExtentId): Promise<void> {
  try {
    await disk.remove(extentPath(extent));
  } catch (error) {
    if (!isDiskError(error, "missing")) throw error;
  }
  try {
    await disk.syncDirectory(extentDirectory(extent));
  } catch (error) {
    // Not even the directory was made.
    if (!isDiskError(error, "missing")) throw error;
  }
}

/**
 * The current header; undefined where no slot is valid. Behind its fields a slot is zeros, so a
 * file that a crash cut off there counts as if it had them.
 */
export async function readHeader(hash: Hash, file: DiskFile): Promise<ExtentHeader | undefined> {
  const slots = new Uint8Array(extentHeaderBytes);
  await file.read(slots, 0);
  return currentHeader(hash, slots);
}

/** The current header among the slots read from its file; undefined where no slot is valid. */
export function currentHeader(hash: Hash, slots: Uint8Array): ExtentHeader | undefined {
  try {
    return decodeExtentHeader(hash, slots);
  } catch (error) {
    if (isStoreError(error, "corrupt")) return undefined;
    throw error;
  }
}
