import { extentHeaderBytes } from "../format/limits.ts";
import { stripedLength } from "../format/shard.ts";
import { isDiskError } from "../platform/disk.ts";
import type { Clock } from "../platform/platform.ts";
import { within } from "../platform/within.ts";
import { quorumOfScheme } from "./append/open-new-extent.ts";
import type { DataDisk, ExtentDisks } from "./extent-files.ts";
import type { MemberName } from "./extent-member.ts";
import type { ExtentEntry } from "./extent-table.ts";

/** @limit A disk that does not say by then how long a file is does not count. */
const sizeMsMax = 2_000;

/**
 * How long an extent is that is still written, by the files of its members: its row does not say it
 * before it is sealed. What was answered is on a quorum of members, so the extent is as long as so
 * many are; where some cannot be looked at, as so many are that need to have it besides them. 0
 * where there are none.
 */
export async function lengthOfOpen(
  clock: Clock,
  { disks }: Pick<ExtentDisks, "disks">,
  { id: extent, row }: ExtentEntry,
): Promise<number> {
  const { members, layout, scheme } = row;
  const places = members.flatMap(({ disk }) => disks.filter(({ id }) => id === disk));
  const looks = places.map((place) => within(clock, sizeMsMax, sizeOn(place, { extent, layout })));
  const found = await Promise.all(looks);
  const sizes = found.filter((size) => size !== undefined).sort((a, b) => b - a);
  const unseen = members.length - sizes.length;
  const having = Math.max(1, quorumOfScheme(scheme) - unseen);
  const bytes = sizes[having - 1] ?? 0;
  if (bytes <= extentHeaderBytes || scheme.kind === "replicated") return bytes;
  return stripedLength(
    scheme,
    Array.from({ length: scheme.data }, () => bytes),
  );
}

/** Undefined where its disk fails; 0 where there is no file, or none yet. */
async function sizeOn({ members }: DataDisk, name: MemberName): Promise<number | undefined> {
  try {
    const member = await members.openForReading(name);
    try {
      return await member.size();
    } finally {
      await member.close();
    }
  } catch (thrown) {
    if (!isDiskError(thrown)) throw thrown;
    return thrown.kind === "missing" ? 0 : undefined;
  }
}
