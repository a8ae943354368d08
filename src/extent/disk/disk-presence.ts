import { StoreError } from "../../base/errors.ts";
import type { DataDisk } from "../extent-files.ts";
import { readIdentity } from "../data-directories.ts";
import { idText } from "../../format/ids.ts";

/**
 * Throws StoreError `missing` where the data directory is not what it was: where a disk is not
 * mounted, its mount point is an empty directory, and "no such file" says nothing of what the disk
 * holds.
 */
export async function assertPresent({ id, disk }: DataDisk): Promise<void> {
  const identity = await readIdentity(disk);
  if (identity?.disk !== id) {
    const what =
      identity === undefined ? "has no identity file" : `is disk ${idText(identity.disk)} now`;
    throw new StoreError(
      "missing",
      `${disk.name} ${what}: mount the disk with id ${idText(id)} there`,
    );
  }
}
