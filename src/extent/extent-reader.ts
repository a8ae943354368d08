import type { ChunkRef } from "../format/chunk-ref.ts";
import { recordHeaderBytesMax } from "../format/record.ts";
import type { RecordIdentity } from "../format/record.ts";
import type { Platform } from "../platform/platform.ts";
import type { ExtentDisks } from "./extent-files.ts";
import type { ExtentTable } from "./extent-table.ts";
import { CachingExtentReader } from "./parts/caching-extent-reader.ts";
import { gapBytesMax, LocalExtentReader } from "./parts/local-extent-reader.ts";

/** Small records kept in memory: 7,000 of 4 KiB. Each front end has its own. */
export const readCacheBytesMax = 32 * 1024 * 1024;

/** What a read takes besides the blocks of its range: the record's header, and what lies between them. */
export const readRoomBytes = recordHeaderBytesMax + gapBytesMax;

export interface ExtentReaderOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  /** Bytes of small records to keep in memory; none for those who come to look at the disk. */
  readonly cacheBytes?: number | undefined;
}

export interface ExtentReaderStatistics {
  readonly reads: number;
  readonly bytes: number;
  /**
   * Reads whose bytes did not match their checksum, or were not those the reference means. None was
   * served.
   */
  readonly corruptions: number;
  /** Reads that were answered from memory. */
  readonly hits: number;
}

export interface ExtentReader {
  /**
   * Payload bytes start <= i < end of a chunk, verified (C4): the header against the reference and
   * the identity, then each block it returns. StoreError `missing` (the extent has gone: read the
   * row again, it may have moved), `corrupt`, `io`, `overloaded`. The bytes may be others' too: they
   * must not be changed.
   *
   * @param room where they may be put: then it belongs to the read until that has ended. Undefined, or too
   *   small for the range and `readRoomBytes` more: new memory.
   */
  read(
    ref: ChunkRef,
    identity: RecordIdentity,
    start: number,
    end: number,
    room?: Uint8Array,
  ): Promise<Uint8Array>;
  statistics(): ExtentReaderStatistics;
  close(): Promise<void>;
}

export function createExtentReader(options: ExtentReaderOptions): ExtentReader {
  const { cacheBytes = 0, platform } = options;
  const reader = new LocalExtentReader(options);
  return cacheBytes === 0 ? reader : new CachingExtentReader(reader, platform.hash, cacheBytes);
}
