import { type Disk, isDiskError } from "../../platform/disk.ts";

/** It is no error if there is no such file. Not durable before its directory is synced. */
export async function removeIfThere(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path);
  } catch (error) {
    if (!isDiskError(error, "missing")) throw error;
  }
}
