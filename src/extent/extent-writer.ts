import type { ChunkRef } from "../format/chunk-ref.ts";
import type { SessionId } from "../format/ids.ts";
import type { RecordIdentity } from "../format/record.ts";
import type { Platform, Service } from "../platform/platform.ts";
import type { ExtentDisks } from "./extent-files.ts";
import type { ExtentTable } from "./extent-table.ts";
import { LocalExtentWriter } from "./parts/local-extent-writer.ts";

export interface ExtentWriterOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  readonly session: SessionId;
  readonly storageClass: string;
  /** Sealed when it would grow past this (default extentBytesMax) … */
  readonly extentBytes?: number | undefined;
  /** … or when it is this old and holds something (default 5 min). */
  readonly sealAfterMs?: number | undefined;
  /**
   * PUT stops when a data directory has less than this free (default: one extent and 64 MiB of
   * index).
   */
  readonly reserveBytes?: number | undefined;
}

/** The state of a data directory for this writer: `ok`, or the reason why it takes no appends. */
export type DiskCondition = "ok" | "full" | "read_only" | "missing" | "io";

export interface DiskStatistics {
  /** The directory. */
  readonly name: string;
  readonly condition: DiskCondition;
  /** At the last look, a few seconds ago at most; 0 before the first. */
  readonly bytesFree: number;
}

export interface ExtentWriterStatistics {
  readonly records: number;
  readonly syncs: number;
  /** Counts of records per sync, as `SizeCounts` reads them. */
  readonly recordsPerSync: readonly number[];
  readonly bytes: number;
  readonly extentsOpened: number;
  /** Found where the file of a new extent was to be made; each was left as it is. */
  readonly filesInTheWay: number;
  readonly failures: number;
  /** Extents whose file was removed, replaced or spoiled while they were written. */
  readonly extentsLost: number;
  readonly disks: readonly DiskStatistics[];
}

/**
 * Appends records for one session: one open extent in each data directory, each with its own group
 * commit. What arrives while a sync runs is written with the next one vectored write and one sync.
 */
export interface ExtentWriter extends Service {
  /**
   * Resolves once the record is synced on its quorum; the payload must not change until then.
   * StoreError `overloaded` (the queues are full: C6), `storage_full`, `read_only`, `io`, `fenced`
   * (the extent was sealed by others).
   */
  append(identity: RecordIdentity, payload: Uint8Array): Promise<ChunkRef>;
  /**
   * Looks whether the files of these chunks, not released yet, still stand at their paths: for what
   * was appended a while before its row is committed. StoreError `io` where one does not.
   */
  assertInPlace(refs: readonly ChunkRef[]): Promise<void>;
  /**
   * The rows for these chunks are committed, or never will be. Until each chunk of a sealed extent
   * is released (and its outcome known), the extent is not settled and nothing in it can die.
   */
  release(refs: readonly ChunkRef[]): void;
  /**
   * Seals by age and marks settled until the signal aborts; then seals what is open and returns.
   */
  run(signal: AbortSignal): Promise<void>;
  statistics(): ExtentWriterStatistics;
}

export function createExtentWriter(options: ExtentWriterOptions): ExtentWriter {
  return new LocalExtentWriter(options);
}
