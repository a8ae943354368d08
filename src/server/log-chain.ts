import { assert } from "../base/assert.ts";
import { chainFrom } from "../engine/commit-chain.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import { localLogDisks } from "../extent/local-log-members.ts";
import {
  findRecords,
  findSegments,
  type FoundRecord,
  type FoundSegment,
  isWhollyBefore,
  lowestBehind,
  type NamedCopy,
} from "../extent/log-scan.ts";
import type { LogPosition } from "../format/commit-record.ts";
import type { DiskId } from "../format/ids.ts";
import type { Hash } from "../platform/hash.ts";
import type { Platform } from "../platform/platform.ts";

/** What was read of the chain behind a position. */
export interface ChainPart {
  /** Records that count whatever follows: each has a successor. */
  readonly certain: readonly FoundRecord[];
  /**
   * Undefined while the log goes on. Which of two records with one number counts is known once one
   * has a successor; so the last one counts only if it is sure that none was missed.
   */
  readonly end:
    | {
        readonly last: FoundRecord | undefined;
        /** The lowest record behind the end that the chain does not reach: some are missing. */
        readonly gapBefore: number | undefined;
      }
    | undefined;
}

/**
 * @limit Records whose places are held in memory at once: half a kilobyte for each of three copies,
 * 24 MiB. A log is longer than memory where snapshots have failed for long.
 */
const recordsAtOnceMax = 16_384;

/** Reads the commit log that stands on data directories, a part at a time. */
export class LogChain {
  readonly #hash: Hash;
  readonly #segments: readonly FoundSegment[];
  readonly #recordsAtOnce: number;
  readonly #unreadHeaders: readonly NamedCopy[];
  readonly #unread: Set<DiskId>;
  readonly #readTo = new Map<string, number>();

  private constructor(
    hash: Hash,
    found: Awaited<ReturnType<typeof findSegments>>,
    recordsAtOnce: number,
  ) {
    assert(recordsAtOnce > 1, "a record is judged with its successor");
    this.#hash = hash;
    this.#segments = found.segments;
    this.#unreadHeaders = found.unreadHeaders;
    this.#unread = new Set(found.unread);
    this.#recordsAtOnce = recordsAtOnce;
  }

  static async open(
    { hash, log }: Pick<Platform, "hash" | "log">,
    disks: ExtentDisks,
    recordsAtOnce = recordsAtOnceMax,
  ): Promise<LogChain> {
    const found = await findSegments(hash, disks.store, localLogDisks(hash, disks));
    for (const { disk, why } of found.doubts) log("warn", "log_not_read", { disk, why });
    return new LogChain(hash, found, recordsAtOnce);
  }

  /** Data directories of whose log something could not be read that may be behind what was. */
  get unread(): ReadonlySet<DiskId> {
    return this.#unread;
  }

  /** The log goes on at least to here. */
  get endMin(): number {
    return Math.max(0, ...this.#segments.map(({ header }) => header.firstSequence - 1));
  }

  /** What follows a position, which is never before one that was asked for already. */
  async next(from: LogPosition): Promise<ChainPart> {
    const search = { upTo: from.sequence + this.#recordsAtOnce, readTo: this.#readTo };
    const found = await findRecords(this.#hash, this.#segments, from, search);
    this.#note(found.unread);
    const { records, gapBefore } = chainFrom(from, found.records);
    // holds: C1 log-record-judged-with-its-successor
    const certain = records.slice(0, -1);
    if (records.length === this.#recordsAtOnce) return { certain, end: undefined };
    const last = records.at(-1);
    this.#noteHiding([...this.#unreadHeaders, ...found.hiding], last ?? from);
    return { certain, end: { last, gapBefore: gapBefore ?? (await this.#behind(last ?? from)) } };
  }

  async #behind({ sequence }: Pick<LogPosition, "sequence">): Promise<number | undefined> {
    const found = await lowestBehind(this.#hash, this.#segments, sequence, this.#readTo);
    this.#note(found.unread);
    return found.lowest;
  }

  /** What a copy hides whose segment ended before the last record is before it, too. */
  #noteHiding(copies: readonly NamedCopy[], { sequence }: Pick<LogPosition, "sequence">): void {
    for (const { on, header } of copies) {
      // holds: C1 unread-sectors-may-hide-records
      if (!isWhollyBefore(header, this.#segments, sequence)) this.#unread.add(on.id);
    }
  }

  #note(unread: ReadonlySet<DiskId>): void {
    for (const disk of unread) this.#unread.add(disk);
  }
}
