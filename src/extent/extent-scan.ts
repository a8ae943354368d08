import { StoreError, isStoreError } from "../base/errors.ts";
import type { ExtentId } from "../format/ids.ts";
import type { RecordHeader } from "../format/record.ts";
import {
  decodeRecordHeader,
  recordBytes,
  recordHeaderBytesMax,
  verifyBlocks,
} from "../format/record.ts";
import type { DiskFile } from "../platform/disk.ts";
import type { Platform } from "../platform/platform.ts";
import { onDisk } from "./parts/disk-failure.ts";
import { RecordWindow } from "./parts/record-window.ts";

export interface ScanOptions {
  readonly platform: Pick<Platform, "hash">;
  readonly file: DiskFile;
  /** Which extent this file should be: records that name another end the scan. */
  readonly extent: ExtentId;
  /** Where the first record begins. */
  readonly from: number;
  /** Where the last one ends, where that is known (a sealed length); else the file's end. */
  readonly to?: number | undefined;
  /** Payloads are neither read nor verified. */
  readonly skipPayload?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ScannedRecord {
  readonly header: RecordHeader;
  readonly offset: number;
  /** Where the next record begins. */
  readonly end: number;
  /**
   * The first block that does not match its checksum, or bytes that are not there; undefined where
   * all is well.
   */
  readonly payloadError: StoreError | undefined;
}

/**
 * The records of an extent in order, up to the first that has no valid header for its place:
 * whoever wants more looks whether the last `end` is where it should be. A record with a bad
 * payload is yielded with its error, and the scan goes on behind it. StoreError `io` and so on
 * where the disk fails.
 */
export async function* scanRecords(options: ScanOptions): AsyncGenerator<ScannedRecord, void> {
  const { platform, file, extent, signal } = options;
  const to = options.to ?? (await onDisk(file.size()));
  const window = new RecordWindow(file, to);
  let offset = options.from;
  while (offset < to) {
    signal?.throwIfAborted();
    const bytes = await onDisk(window.view(offset, recordHeaderBytesMax));
    const header = tryDecodeHeader(platform, bytes);
    if (header === undefined || header.extent !== extent || header.offset !== offset) return;
    const end = offset + recordBytes(header.key.length, header.payloadBytes);
    const payloadError =
      end > to
        ? endsWithin(header)
        : options.skipPayload === true
          ? undefined
          : await verifyPayload(platform, window, header, end);
    yield { header, offset, end, payloadError };
    offset = end;
  }
}

function tryDecodeHeader(
  platform: Pick<Platform, "hash">,
  bytes: Uint8Array,
): RecordHeader | undefined {
  try {
    return decodeRecordHeader(platform.hash, bytes);
  } catch (error) {
    if (isStoreError(error, "corrupt")) return undefined;
    throw error;
  }
}

async function verifyPayload(
  platform: Pick<Platform, "hash">,
  window: RecordWindow,
  header: RecordHeader,
  end: number,
): Promise<StoreError | undefined> {
  const start = header.offset + header.headerBytes;
  const bytes = await onDisk(window.view(start, end - start));
  if (bytes.length < end - start) return endsWithin(header);
  try {
    verifyBlocks(platform.hash, header, 0, bytes.subarray(0, header.payloadBytes));
  } catch (error) {
    if (isStoreError(error, "corrupt")) return error;
    throw error;
  }
  return undefined;
}

/**
 * The padding counts as part of the record: without it a later one could not follow at its place.
 */
function endsWithin({ extent, offset }: RecordHeader): StoreError {
  return new StoreError(
    "corrupt",
    `extent ${extent}, record at ${offset}: the file ends within it`,
  );
}
