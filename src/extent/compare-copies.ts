import { must } from "../base/assert.ts";
import { isStoreError } from "../base/errors.ts";
import { type AskDigests, type ByteRange, findDifferences } from "./digest-tree.ts";
import { onDisk } from "./disk/disk-error-codes.ts";
import { findDisk } from "./extent-files.ts";
import type { ExtentEntry } from "./extent-table.ts";
import type { ViewOptions } from "./extent-view.ts";
import { inTime } from "./read/timed-member.ts";

export interface ComparedCopies {
  /** Those of the copies that could be asked. */
  readonly present: readonly number[];
  /** Where these are not all the same, in whole blocks. */
  readonly differences: readonly ByteRange[];
}

/**
 * Compares copies of a sealed extent, up to its length, by what their members say of them. One that
 * is not there is left out. StoreError where one fails that was there a moment ago.
 */
export async function compareCopies(
  { platform, disks }: ViewOptions,
  { id, row }: ExtentEntry,
  copies: readonly number[],
): Promise<ComparedCopies> {
  const ask: AskDigests<number> = async (copy, question) => {
    const { members } = findDisk(disks, must(row.members[copy], "a copy of the extent").disk);
    const asked = onDisk(members.digests({ extent: id, layout: row.layout }, question));
    return inTime(platform.clock, `extent ${id}, member ${copy}`, asked);
  };
  const first = { level: 0, first: 0, count: 1, length: row.length };
  const present: number[] = [];
  for (const copy of copies) {
    try {
      await ask(copy, first);
      present.push(copy);
    } catch (thrown) {
      if (!isStoreError(thrown)) throw thrown;
    }
  }
  return { present, differences: await findDifferences(row.length, present, ask) };
}
