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
import { isReadError } from "./disk/unreadable-bytes.ts";
import type { ReadableMember } from "./extent-member.ts";
import { RecordWindow } from "./read/record-window.ts";

export interface ExtentScanOptions {
  readonly platform: Pick<Platform, "hash">;
  readonly file: Pick<ReadableMember, "read" | "size">;
  /**
   * Other ways to read the extent. They are asked where the first one has no valid record, or
   * fails; so a walk meets each record that is valid in any of them.
   */
  readonly others?: readonly Pick<ReadableMember, "read" | "size">[] | undefined;
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
 * one it stands in. StoreError `io` and so on where the disk fails, and no other is left.
 */
export async function* scanRecords(
  options: ExtentScanOptions,
): AsyncGenerator<ScannedRecord | ScannedHole, void> {
  const { platform, file, others = [], signal } = options;
  const sources = [file, ...others];
  const to = options.to ?? (await longest(sources));
  const windows = sources.map((source) => new RecordWindow(source, to));
  let seen = options.from; // all before it was yielded
  let isLost = false;
  for (let next = options.from; next < to;) {
    signal?.throwIfAborted();
    const header = await findHeader(options, windows, next);
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
          : await verifyPayload(platform, windows, header, end);
    yield { kind: "record", header, offset, end, payloadError };
    isLost &&= payloadError !== undefined;
    seen = Math.max(seen, end);
    next = isLost ? offset + recordAlignment : end;
  }
  if (seen < to) yield { kind: "hole", offset: seen, end: to };
}

/** The length of the longest of them that can say it. StoreError as of the first, if none can. */
export async function longest(sources: readonly Pick<ReadableMember, "size">[]): Promise<number> {
  const sizes = await Promise.allSettled(sources.map((source) => onDisk(source.size())));
  const known = sizes.flatMap((size) => (size.status === "fulfilled" ? [size.value] : []));
  const failed = sizes.find(({ status }) => status === "rejected");
  if (known.length === 0 && failed?.status === "rejected") throw failed.reason;
  return Math.max(...known);
}

/** The first valid header from `from` on that names its place, in whichever window it is. */
async function findHeader(
  options: ExtentScanOptions,
  windows: RecordWindow[],
  from: number,
): Promise<RecordHeader | undefined> {
  if (windows.length > 1) {
    // Most often it begins where the one before ended. No window is searched before all were looked
    // at there: where one has no record, another may.
    const here = await firstOf(windows, (window) => headerAt(options, window, from));
    if (here !== undefined) return here;
  }
  let first: RecordHeader | undefined;
  await firstOf(windows, async (window) => {
    const found = await searchHeader(options, window, from);
    if (found !== undefined && (first === undefined || found.offset < first.offset)) first = found;
    return undefined;
  });
  return first;
}

/**
 * What the first window gives that gives anything. One that cannot be read is taken out, but for
 * the last; one of which only these bytes cannot be read may have what is elsewhere.
 */
export async function firstOf<T>(
  windows: RecordWindow[],
  look: (window: RecordWindow) => Promise<T | undefined>,
): Promise<T | undefined> {
  const unreadable: unknown[] = [];
  for (const window of Array.from(windows)) {
    try {
      const found = await look(window);
      if (found !== undefined) return found;
    } catch (error) {
      if (isReadError(error) && window.isWorthReading) unreadable.push(error);
      else if (!isStoreError(error) || windows.length === 1) throw error;
      else windows.splice(windows.indexOf(window), 1);
    }
  }
  // Whether a record is there nobody knows.
  if (unreadable.length === windows.length) throw unreadable[0];
  return undefined;
}

async function searchHeader(
  options: ExtentScanOptions,
  window: RecordWindow,
  from: number,
): Promise<RecordHeader | undefined> {
  for (let next = from; ;) {
    options.signal?.throwIfAborted();
    const at = await onDisk(window.find(recordMagic, next, recordAlignment));
    if (at === undefined) return undefined;
    const header = await headerAt(options, window, at);
    if (header !== undefined) return header;
    next = at + recordAlignment;
  }
}

/** The valid header that stands here and says so. */
async function headerAt(
  { platform, extent }: ExtentScanOptions,
  window: RecordWindow,
  at: number,
): Promise<RecordHeader | undefined> {
  const header = tryDecodeHeader(platform, await onDisk(window.view(at, recordHeaderBytesMax)));
  return header?.extent === extent && header.offset === at ? header : undefined;
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

/** The reason why no window has a valid payload; undefined where one has. */
async function verifyPayload(
  platform: Pick<Platform, "hash">,
  windows: RecordWindow[],
  header: RecordHeader,
  end: number,
): Promise<StoreError | undefined> {
  let first: StoreError | undefined;
  const isValid = await firstOf(windows, async (window) => {
    const error = await payloadErrorIn(platform, window, header, end);
    first ??= error;
    return error === undefined ? true : undefined;
  });
  return isValid === true ? undefined : first;
}

async function payloadErrorIn(
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
