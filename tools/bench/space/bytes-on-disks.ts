import { lstat, readdir } from "node:fs/promises";
import { join, sep } from "node:path";
import { extentsDirectory } from "../../../src/extent/extent-files.ts";

export interface BytesOnDisks {
  /** Space that the files of extents take: all that is in them, headers, checksums and padding. */
  readonly extentBytes: number;
  /** That of everything else: the index, its log and snapshots. */
  readonly otherBytes: number;
}

/** POSIX counts blocks of a file in these. */
const statBlockBytes = 512;

/** The space that the file system gave to the files in these directories. */
export async function bytesOnDisks(directories: readonly string[]): Promise<BytesOnDisks> {
  let [extentBytes, otherBytes] = [0, 0];
  for (const directory of directories) {
    for (const name of await readdir(directory, { recursive: true })) {
      const bytes = await spaceOf(join(directory, name));
      if (name.startsWith(extentsDirectory + sep)) extentBytes += bytes;
      else otherBytes += bytes;
    }
  }
  return { extentBytes, otherBytes };
}

/** Nothing for a directory, and for a file that has gone meanwhile. */
async function spaceOf(path: string): Promise<number> {
  try {
    const stat = await lstat(path);
    return stat.isFile() ? stat.blocks * statBlockBytes : 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}
