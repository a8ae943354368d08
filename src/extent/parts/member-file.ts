import { isStoreError } from "../../base/errors.ts";
import type { ExtentHeader } from "../../format/extent-header.ts";
import {
  decodeExtentHeader,
  encodeExtentHeader,
  extentHeaderSlotOffset,
} from "../../format/extent-header.ts";
import type { ExtentId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { Disk, DiskFile } from "../../platform/disk.ts";
import { isDiskError } from "../../platform/disk.ts";
import type { Hash } from "../../platform/hash.ts";
import { extentDirectory, extentPath, extentsDirectory } from "../extent-files.ts";

/**
 * Creates an extent's file on one disk: durable with its name and header once this returns. DiskError `exists` where there is a file of
 * that name already: it is not ours, whatever it is.
 */
export async function createMember(
  hash: Hash,
  disk: Disk,
  header: ExtentHeader,
): Promise<DiskFile> {
  const directory = extentDirectory(header.extent);
  // Another process may have made a directory and not synced it yet, so each is synced every time.
  await disk.makeDirectory(extentsDirectory);
  await disk.syncDirectory("");
  await disk.makeDirectory(directory);
  await disk.syncDirectory(extentsDirectory);
  const file = await disk.open(extentPath(header.extent), "create");
  try {
    await writeHeader(hash, file, header);
    await disk.syncDirectory(directory);
  } catch (error) {
    await file.close();
    throw error;
  }
  return file;
}

/**
 * Removes whatever file has an extent's name, durably; it is no error if there is none, and then the name
 * is synced all the same (a crash may have come before that). Only for who has proved what it is: member-drop.ts.
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

/** Writes and syncs the slot that the header's sequence number names. */
export async function writeHeader(hash: Hash, file: DiskFile, header: ExtentHeader): Promise<void> {
  const slot = encodeExtentHeader(hash, header);
  await file.write([slot], extentHeaderSlotOffset(header.sequence));
  await file.sync();
}

/**
 * The current header; undefined where no slot is valid. Behind its fields a slot is zeros, so a file that a crash cut off there counts as if it
 * had them.
 */
export async function readHeader(hash: Hash, file: DiskFile): Promise<ExtentHeader | undefined> {
  const slots = new Uint8Array(extentHeaderBytes);
  await file.read(slots, 0);
  return currentHeader(hash, slots);
}

/** Of what was read of its file; undefined where no slot is valid. */
export function currentHeader(hash: Hash, slots: Uint8Array): ExtentHeader | undefined {
  try {
    return decodeExtentHeader(hash, slots);
  } catch (error) {
    if (isStoreError(error, "corrupt")) return undefined;
    throw error;
  }
}
