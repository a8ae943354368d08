import { StoreError, isStoreError } from "../base/errors.ts";
import {
  decodeDiskGeneration,
  type DiskGeneration,
  diskGenerationFile,
  diskGenerationFileBytes,
  diskGenerationOffsets,
  encodeDiskGeneration,
} from "../format/data-directory.ts";
import type { StoreId } from "../format/ids.ts";
import { type Disk, type DiskFile, isDiskError } from "../platform/disk.ts";
import type { Hash } from "../platform/hash.ts";
import type { DataDisk, ExtentDisks } from "./extent-files.ts";
import { onDisk } from "./disk/disk-error-codes.ts";

/**
 * The newest generation of the index that a data directory has seen; 0 where it was never served
 * from. StoreError `foreign` where the file is of another data directory, `corrupt` where it is
 * damaged.
 */
export async function readDiskGeneration(
  hash: Hash,
  store: StoreId,
  { id, disk }: DataDisk,
): Promise<number> {
  const path = `${disk.name}/${diskGenerationFile}`;
  const bytes = await onDisk(readFile(disk));
  try {
    const found = decodeDiskGeneration(hash, bytes);
    if (found === undefined) return 0;
    if (found.store === store && found.disk === id) return found.generation;
  } catch (cause) {
    if (!isStoreError(cause, "corrupt")) throw cause;
    const fix = "remove it if the index is known to belong to this data directory";
    throw new StoreError("corrupt", `${path} is damaged (${cause.message}): ${fix}`, { cause });
  }
  const fix = "put back the file that belongs there";
  throw new StoreError("foreign", `${path} is of another data directory: ${fix}`);
}

/** The highest generation that any of the data directories has seen. */
export async function newestGeneration(
  hash: Hash,
  { store, disks }: ExtentDisks,
): Promise<{ readonly generation: number; readonly on: string }> {
  const generations = await Promise.all(disks.map((disk) => readDiskGeneration(hash, store, disk)));
  const generation = Math.max(0, ...generations);
  return { generation, on: disks[generations.indexOf(generation)]?.disk.name ?? "" };
}

/**
 * Durable once this returns. Only after the index has this generation durably, which no other
 * process gave it. StoreError `missing` where the data directory is not there: then nothing is
 * written in its place.
 */
export async function writeDiskGeneration(
  hash: Hash,
  store: StoreId,
  place: DataDisk,
  generation: number,
): Promise<void> {
  const { id, disk, members } = place;
  await members.assertPresent();
  const { file, isNew } = await openOrCreate(disk);
  try {
    const bytes = new Uint8Array(diskGenerationFileBytes);
    const before = decodeDiskGeneration(hash, bytes.subarray(0, await file.read(bytes, 0)));
    // If a sync failed, this slot may never have reached the disk: it must have before the other is
    // touched.
    if (before !== undefined) await writeSlot(hash, file, before, before.offset);
    const row = { store, disk: id, generation };
    await writeSlot(hash, file, row, before?.otherOffset ?? firstOffset);
  } finally {
    await file.close();
  }
  if (isNew) await disk.syncDirectory("");
}

const [firstOffset] = diskGenerationOffsets;

async function writeSlot(
  hash: Hash,
  file: DiskFile,
  row: DiskGeneration,
  offset: number,
): Promise<void> {
  await file.write([encodeDiskGeneration(hash, row)], offset);
  await file.sync();
}

async function openOrCreate(disk: Disk): Promise<{ file: DiskFile; isNew: boolean }> {
  try {
    return { file: await disk.open(diskGenerationFile, "write"), isNew: false };
  } catch (error) {
    if (!isDiskError(error, "missing")) throw error;
    return { file: await disk.open(diskGenerationFile, "create"), isNew: true };
  }
}

async function readFile(disk: Disk): Promise<Uint8Array> {
  let file: DiskFile;
  try {
    file = await disk.open(diskGenerationFile, "read");
  } catch (error) {
    if (isDiskError(error, "missing")) return new Uint8Array(0);
    throw error;
  }
  try {
    const buffer = new Uint8Array(diskGenerationFileBytes);
    return buffer.subarray(0, await file.read(buffer, 0));
  } finally {
    await file.close();
  }
}
