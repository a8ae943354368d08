import type { ExtentId, SessionId } from "../format/ids.ts";
import { isDiskError } from "../platform/disk.ts";
import type { Hash } from "../platform/hash.ts";
import type { DataDisk, ExtentDisks } from "./extent-files.ts";
import { memberOfPath } from "./extent-files.ts";
import type { MemberName, Members } from "./extent-member.ts";
import { onDisk } from "./disk/disk-error-codes.ts";
import { readHeader } from "./member/member-header.ts";

/** @limit Directories listed at a time. */
const listsAtOnce = 8;

export interface NewestOnDisks {
  /** The highest id that a file of an extent has … */
  readonly extent: ExtentId;
  readonly path: string;
  /**
   * … and the highest session in the headers of the newest extent of each disk; 0 where none can be
   * read.
   */
  readonly session: SessionId;
}

/**
 * Finds the newest extent by the names of the files, and one header for each disk; undefined where
 * no disk holds an extent.
 */
export async function newestOnDisks(
  hash: Hash,
  { disks }: ExtentDisks,
): Promise<NewestOnDisks | undefined> {
  const found = await onDisk(Promise.all(disks.map((disk) => newestOf(hash, disk))));
  const newest = found.filter((one) => one !== undefined);
  const [first] = newest.toSorted((a, b) => b.extent - a.extent);
  if (first === undefined) return undefined;
  const session = Math.max(...newest.map((one) => one.session)) as SessionId; // one of them
  return { ...first, session };
}

async function newestOf(hash: Hash, { members }: DataDisk): Promise<NewestOnDisks | undefined> {
  const folders = await members.folders();
  let newest: (MemberName & { readonly path: string }) | undefined;
  const takeTurns = async (): Promise<void> => {
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      for (const path of await members.pathsIn(folder)) {
        const name = memberOfPath(path);
        if (name !== undefined && name.extent > (newest?.extent ?? 0)) newest = { ...name, path };
      }
    }
  };
  await Promise.all(Array.from({ length: listsAtOnce }, takeTurns));
  if (newest === undefined) return undefined;
  const { extent, path } = newest;
  return {
    extent,
    path: `${members.name}/${path}`,
    session: await sessionOf(hash, members, newest),
  };
}

async function sessionOf(hash: Hash, members: Members, name: MemberName): Promise<SessionId> {
  const noSession = 0 as SessionId;
  const member = await members.openForReading(name);
  try {
    return (await readHeader(hash, member))?.session ?? noSession;
  } catch (error) {
    // A bad block in one file keeps no store from its start.
    if (isDiskError(error, "io")) return noSession;
    throw error;
  } finally {
    await member.close();
  }
}
