import type { ChunkRef } from "../format/chunk-ref.ts";
import type { RecordIdentity } from "../format/record.ts";
import type { Platform } from "../platform/platform.ts";
import type { ExtentDisks } from "./extent-files.ts";
import type { ExtentTable } from "./extent-table.ts";
import { LocalExtentReader } from "./parts/local-extent-reader.ts";

export interface ExtentReaderOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
}

export interface ExtentReaderStatistics {
  readonly reads: number;
  readonly bytes: number;
  /**
   * Reads whose bytes did not match their checksum, or were not those the reference means. None was
   * served.
   */
  readonly corruptions: number;
}

export interface ExtentReader {
  /**
   * Payload bytes start <= i < end of a chunk, verified (C4): the header against the reference and
   * the identity, then each block it returns. StoreError `missing` (the extent has gone: read the
   * row again, it may have moved), `corrupt`, `io`, `overloaded`. The bytes belong to the caller.
   */
  read(ref: ChunkRef, identity: RecordIdentity, start: number, end: number): Promise<Uint8Array>;
  statistics(): ExtentReaderStatistics;
  close(): Promise<void>;
}

export function createExtentReader(options: ExtentReaderOptions): ExtentReader {
  return new LocalExtentReader(options);
}
