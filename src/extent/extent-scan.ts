import { StoreError, isStoreError } from "../base/errors.ts";
import type { ExtentId } from "../format/ids.ts";
import type { RecordHeader } from "../format/record.ts";
import { recordAlignment } from "../format/limits.ts";
import {
  decodeRecordHeader,
  recordBytes,
  recordHeaderBytesMax,
  recordMagic,
  verifyBlocks,
} from "../format/record.ts";
import type { Platform } from "../platform/platform.ts";
import { onDisk } from "./disk/disk-error-codes.ts";
import type { ReadableMember } from "./extent-member.ts";
import { RecordWindow } from "./read/record-window.ts";

export interface ExtentScanOptions {
  readonly platform: Pick<Platform, "hash">;
  readonly file: Pick<ReadableMember, "read" | "size">;
  /** The extent that this file should be; records that name another do not belong to it. */
  readonly extent: ExtentId;
  /** Where the first record begins. */
  readonly from: number;
  /** Where the last one ends, where that is known (a sealed length); else the file's end. */
  readonly to?: number | undefined;
  /** Payloads are neither read nor verified, but for those found behind a hole. */
  readonly skipPayload?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes that no record can be made out in: damaged, torn by a crash, or never written. */
export interface ScannedHole {
  readonly kind: "hole";
  readonly offset: number;
  readonly end: number;
}

export interface ScannedRecord {
  readonly kind: "record";
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
 * Everything in an extent from `from` to `to`, in order: records, and holes between and behind
 * them. A record with a bad payload is yielded with its error: its header says where it ends. Where
 * no valid header stands the next one is searched for. A client may have put bytes into its object
 * that look like a record of just that place: so a record that was searched for is relied upon, to
 * go on behind it, only if its payload is valid, and then it cannot reach beyond the payload of the
 * one it stands in. StoreError `io` and so on where the disk fails.
 */
export async function* scanRecords(
  options: ExtentScanOptions,
): AsyncGenerator<ScannedRecord | ScannedHole, void> {
  const { platform, file, signal } = options;
  const to = options.to ?? (await onDisk(file.size()));
  const window = new RecordWindow(file, to);
  let seen = options.from; // all before it was yielded
  let isLost = false;
  for (let next = options.from; next < to;) {
    signal?.throwIfAborted();
    const header = await findHeader(options, window, next);
    if (header === undefined) break;
    const { offset } = header;
    // holds: C5 walk-passes-damage
    isLost ||= offset !== next;
    if (offset > seen) yield { kind: "hole", offset: seen, end: offset };
    const end = offset + recordBytes(header.key.length, header.payloadBytes);
    const payloadError: StoreError | undefined =
      end > to
        ? endsWithin(header)
        : options.skipPayload === true && !isLost
          ? undefined
          : await verifyPayload(platform, window, header, end);
    yield { kind: "record", header, offset, end, payloadError };
    isLost &&= payloadError !== undefined;
    seen = Math.max(seen, end);
    next = isLost ? offset + recordAlignment : end;
  }
  if (seen < to) yield { kind: "hole", offset: seen, end: to };
}

/** The first valid header from `from` on that names its place. */
async function findHeader(
  { platform, extent, signal }: ExtentScanOptions,
  window: RecordWindow,
  from: number,
): Promise<RecordHeader | undefined> {
  for (let next = from; ;) {
    signal?.throwIfAborted();
    const at = await onDisk(window.find(recordMagic, next, recordAlignment));
    if (at === undefined) return undefined;
    const header = tryDecodeHeader(platform, await onDisk(window.view(at, recordHeaderBytesMax)));
    if (header?.extent === extent && header.offset === at) return header;
    next = at + recordAlignment;
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
