import { isStoreError } from "../base/errors.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import { decodeRecordHeader, type RecordHeader, recordHeaderBytesMax } from "../format/record.ts";
import type { Hash } from "../platform/hash.ts";
import type { ByteRange } from "./digest-tree.ts";
import { onDisk } from "./disk/disk-error-codes.ts";
import type { ReadableMember } from "./extent-member.ts";
import { scanRecords } from "./extent-scan.ts";
import type { ExtentEntry } from "./extent-table.ts";
import type { ViewOptions } from "./extent-view.ts";
import { openMember } from "./open-member.ts";
import { openTimed } from "./read/timed-member.ts";

export interface DifferingRecordsOptions extends ViewOptions {
  readonly entry: ExtentEntry;
  /** Copies that are valid by themselves. */
  readonly copies: readonly number[];
  /** Where they are not all the same. */
  readonly differences: readonly ByteRange[];
  readonly signal: AbortSignal;
}

/** A record that some copies have, and the others, which have other bytes at its place. */
export interface DifferingRecord {
  readonly header: RecordHeader;
  readonly without: readonly number[];
}

/** The records that not all copies have. StoreError as the copies fail. */
export async function* differingRecords(
  options: DifferingRecordsOptions,
): AsyncGenerator<DifferingRecord, void, undefined> {
  const { platform, disks, entry, copies } = options;
  const files = new Map<number, ReadableMember>();
  try {
    for (const copy of copies) {
      const opening = openMember(disks, entry, copy);
      const what = `extent ${entry.id}, member ${copy}`;
      files.set(copy, await openTimed(platform.clock, what, opening));
    }
    // Each is walked, since they may have records at different places.
    for (const file of files.values()) yield* recordsOf(options, file, files);
  } finally {
    for (const file of files.values()) await file.close();
  }
}

async function* recordsOf(
  { platform, entry, differences, signal }: DifferingRecordsOptions,
  file: ReadableMember,
  files: ReadonlyMap<number, ReadableMember>,
): AsyncGenerator<DifferingRecord, void, undefined> {
  const range = { extent: entry.id, from: extentHeaderBytes, to: entry.row.length };
  for await (const seen of scanRecords({ platform, file, ...range, skipPayload: true, signal })) {
    const isSame = !differences.some(({ start, end }) => start < seen.end && seen.offset < end);
    if (seen.kind === "hole" || isSame) continue;
    const without: number[] = [];
    for (const [copy, other] of files) {
      if (!(await hasRecord(platform.hash, other, seen.header))) without.push(copy);
    }
    if (without.length > 0) yield { header: seen.header, without };
  }
}

async function hasRecord(
  hash: Hash,
  file: Pick<ReadableMember, "read">,
  { extent, offset, checksum }: RecordHeader,
): Promise<boolean> {
  const bytes = new Uint8Array(recordHeaderBytesMax);
  const found = await onDisk(file.read(bytes, offset));
  try {
    const header = decodeRecordHeader(hash, bytes.subarray(0, found));
    return header.extent === extent && header.offset === offset && header.checksum === checksum;
  } catch (thrown) {
    if (isStoreError(thrown, "corrupt")) return false;
    throw thrown;
  }
}
