import type { ExtentClass, ShardScheme } from "../format/extent-row.ts";
import type { DiskId } from "../format/ids.ts";
import { blockBytes } from "../format/limits.ts";
import { DiskError } from "../platform/disk.ts";
import { batchBytesMax } from "./append/append-lane.ts";
import type { DiskHealth } from "./disk/disk-health.ts";
import type { ExtentPlace } from "./append/open-new-extent.ts";

/** @limit Two of three disks may be lost while a quorum still answers: one disk more survives. */
export const copiesDefault = 3;

/** How the extents of a class are written. */
export interface WriteChoice {
  /** Members of an extent, each with all of it, where there are so many disks. */
  readonly copies: number;
  /**
   * The scheme in which large records are coded while they are written; undefined where they are
   * written as copies, too.
   */
  readonly inline: ShardScheme | undefined;
}

/** How extents are written, as operators chose. */
export interface WriteChoices {
  of(extentClass: ExtentClass): WriteChoice;
  /**
   * The disks for the members of a new extent that is coded while it is written, in order; fewer
   * where there are not enough.
   */
  plan(scheme: ShardScheme, exclude: readonly DiskId[]): Promise<readonly DiskId[]>;
}

/** @limit Stripes that the padding of a batch may add: one that it ends in, and one more. */
const paddingStripesMax = 2;

/**
 * A code as extents have it that are coded while they are written. What a writer writes to a shard
 * at once, after it was taken for dead, begins where everything acknowledged ends, at the latest;
 * and the extent was sealed there or behind it. So with a gap of the largest batch it ends before
 * the table.
 */
export function inlineScheme({ code, data, parity }: ShardScheme): ShardScheme {
  const batchBlocks = Math.ceil(batchBytesMax / (data * blockBytes));
  const gapBlocks = batchBlocks + paddingStripesMax;
  return { kind: "coded", code, data, parity, isStriped: true, gapBlocks };
}

/** Nothing was chosen: so many copies of everything. */
export function copiesOnly(copies = copiesDefault): WriteChoices {
  return { of: () => ({ copies, inline: undefined }), plan: () => Promise.resolve([]) };
}

/**
 * Where a new extent's shards are to be, on some of these disks. DiskError where too few take one.
 */
export async function planInlineExtent(
  choices: WriteChoices,
  extentClass: ExtentClass,
  disks: readonly DiskHealth[],
  isUsable: (health: DiskHealth) => boolean,
): Promise<ExtentPlace> {
  const { inline: scheme } = choices.of(extentClass);
  if (scheme === undefined)
    throw new DiskError("io", "large records are not coded inline any more");
  const exclude = disks.filter((health) => !isUsable(health)).map(({ place }) => place.id);
  const planned = await choices.plan(scheme, exclude);
  const chosen = planned.flatMap((id) => disks.find(({ place }) => place.id === id) ?? []);
  if (chosen.length === scheme.data + scheme.parity) {
    return { extentClass, scheme: inlineScheme(scheme), disks: chosen };
  }
  throw new DiskError("io", `only ${chosen.length} disks take a shard of a new extent`);
}
