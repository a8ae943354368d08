import { readIdentity } from "../../extent/data-directories.ts";
import { diskProbeFile } from "../../format/data-directory.ts";
import type { Disk, DiskFile } from "../../platform/disk.ts";
import { isDiskError } from "../../platform/disk.ts";
import { openDisk } from "../disk/disk.ts";
import type { StoreDirectory } from "./store-location.ts";

const block = new Uint8Array(4096);

/**
 * Resolves once the disk of a data directory has answered; that it fails, or is not there, is an
 * answer, too. It is asked to write: what is read may be in memory, and a sync of nothing new need
 * not reach the disk. The caller holds the lock of the data directory.
 */
export async function diskAnswers({ path, disk: id }: StoreDirectory): Promise<true> {
  const disk = openDisk(path);
  try {
    // Nothing is written where the disk is not mounted.
    if ((await readIdentity(disk))?.disk !== id) return true;
    const file = await openProbe(disk);
    try {
      await file.writeDurably([block], 0);
    } finally {
      await file.close();
    }
  } catch {
    // Who uses the disk says what is wrong with it.
  }
  return true;
}

async function openProbe(disk: Disk): Promise<DiskFile> {
  try {
    return await disk.open(diskProbeFile, "write");
  } catch (thrown) {
    if (!isDiskError(thrown, "missing")) throw thrown;
    return await disk.open(diskProbeFile, "create");
  }
}
