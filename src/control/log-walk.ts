import { assert } from "../base/assert.ts";
import { compareBytes } from "../base/bytes.ts";
import { chainFrom } from "../engine/commit-chain.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import { localLogDisks } from "../extent/local-log-members.ts";
import {
  copyName,
  findRecords,
  findSegments,
  type FoundRecord,
  type FoundSegments,
} from "../extent/log-scan.ts";
import type { LogPosition } from "../format/commit-record.ts";
import type { Platform } from "../platform/platform.ts";

export interface LogWalkOptions {
  readonly platform: Pick<Platform, "hash">;
  readonly disks: ExtentDisks;
  /** Records whose places are in memory at once, at least 2. */
  readonly recordsAtOnce: number;
}

export interface LogPart extends FoundSegments {
  /** One behind the other; none where the log has a gap there. */
  readonly records: readonly FoundRecord[];
}

/**
 * Reads the commit log of an index that is served, a part at a time, up to a record that the index
 * has. It begins each part where the one before ended, and remembers where that is in each copy.
 */
export class LogWalk {
  readonly #options: LogWalkOptions;
  /** How far each copy of a segment was read. */
  readonly #read = new Map<string, number>();

  constructor(options: LogWalkOptions) {
    assert(options.recordsAtOnce > 1, "a record is judged with its successor");
    this.#options = options;
  }

  /** The records behind a position; `end` is one that the index has, or had. */
  async next(from: LogPosition, end: LogPosition): Promise<LogPart> {
    const { platform, disks, recordsAtOnce } = this.#options;
    const { hash } = platform;
    const there = await findSegments(hash, disks.store, localLogDisks(hash, disks));
    const copies = new Set(there.segments.map(copyName));
    for (const copy of this.#read.keys()) if (!copies.has(copy)) this.#read.delete(copy);
    // holds: C6 places-of-log-records-bounded
    const upTo = Math.min(end.sequence, from.sequence + recordsAtOnce);
    const found = await findRecords(hash, there.segments, from, { upTo, readTo: this.#read });
    // Of two records with one number the last one of the index is that which its commit had.
    const isEnd = upTo === end.sequence;
    const candidates = isEnd
      ? found.records.filter((one) => one.sequence < upTo || isAt(end, one))
      : found.records;
    const { records } = chainFrom(from, candidates);
    const isWhole = records.at(-1)?.sequence === upTo;
    // What was read and is not in the chain is to be read again.
    if (!isWhole) this.forget();
    // Any other one counts once it has a successor.
    return { ...there, records: isWhole && isEnd ? records : records.slice(0, -1) };
  }

  /** Reads all copies from their beginning again. */
  forget(): void {
    this.#read.clear();
  }
}

function isAt({ sequence, checksum }: LogPosition, record: FoundRecord): boolean {
  return record.sequence === sequence && compareBytes(record.checksum, checksum) === 0;
}
