import { isStoreError, StoreError } from "../base/errors.ts";
import type { ExtentId } from "../format/ids.ts";
import {
  decodeRecordHeader,
  recordBytes,
  recordHeaderBytesMax,
  verifyBlocks,
} from "../format/record.ts";
import type { Platform } from "../platform/platform.ts";
import { onDisk } from "./disk/disk-error-codes.ts";
import { firstOf, scanRecords } from "./extent-scan.ts";
import type { ExtentSource } from "./extent-view.ts";
import { RecordWindow } from "./read/record-window.ts";

/** Bytes of an extent that nothing proves: no member has a whole record there. */
export class UnprovenBytes extends StoreError {
  constructor(extent: ExtentId, offset: number) {
    super("corrupt", `extent ${extent}: no member has a whole record at ${offset}`);
  }
}

export interface VerifiedContentOptions {
  readonly platform: Pick<Platform, "hash">;
  /** Ways to read the extent, the preferred one first (extent-view.ts). */
  readonly sources: readonly ExtentSource[];
  readonly extent: ExtentId;
  /** Where the first record begins. */
  readonly from: number;
  /** Where the content ends. */
  readonly to: number;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes of an extent, a whole record unless they are not verified. */
export interface ContentSpan {
  readonly start: number;
  /** They last until the next span. */
  readonly bytes: Uint8Array;
  /** False where no source has a valid record: then these are the bytes of the first that has any. */
  readonly isVerified: boolean;
}

/** A record with its header, payload and padding. */
export interface ValidRecord {
  /** All of it, in memory of the window. */
  readonly bytes: Uint8Array;
  /** The end of it that no checksum covers: zeros, as it was written. */
  readonly padding: Uint8Array;
}

/** @limit Bytes at a time where no record can be made out. */
const holeStepBytes = 256 * 1024;

/**
 * All content of a sealed extent, in order and without a gap, from whichever source has it whole:
 * each record is verified, header and payload, and one that is damaged in a source is taken from
 * another; padding is zeros, whatever a disk made of it. StoreError as the sources fail; one that
 * ends early counts as damaged from there on.
 */
export async function* verifiedContent(
  options: VerifiedContentOptions,
): AsyncGenerator<ContentSpan, void, undefined> {
  const { sources, to, signal } = options;
  const windows = sources.map((source) => new RecordWindow(source, to));
  for (let next = options.from; next < to;) {
    signal?.throwIfAborted();
    const at = next;
    const record = await firstOf(windows, (window) => validRecordIn(options, window, at));
    if (record !== undefined) {
      const { bytes, padding } = record;
      // holds: C5 padding-is-made-of-zeros
      padding.fill(0);
      yield { start: next, bytes, isVerified: true };
      next += bytes.length;
      continue;
    }
    const end = await holeEnd(options, next);
    while (next < end) {
      const start = next;
      const length = Math.min(holeStepBytes, end - start);
      const bytes = new Uint8Array(length);
      const found = await firstOf(windows, (window) => onDisk(window.view(start, length)));
      if (found !== undefined) bytes.set(found);
      yield { start: next, bytes, isVerified: false };
      next += length;
    }
  }
}

/** The valid record that stands in the window at an offset. StoreError as its source fails. */
export async function validRecordIn(
  { platform: { hash }, extent, to }: Pick<VerifiedContentOptions, "platform" | "extent" | "to">,
  window: RecordWindow,
  offset: number,
): Promise<ValidRecord | undefined> {
  try {
    const head = await onDisk(window.view(offset, recordHeaderBytesMax));
    const header = decodeRecordHeader(hash, head);
    const length = recordBytes(header.key.length, header.payloadBytes);
    const isHere = header.extent === extent && header.offset === offset;
    if (!isHere || offset + length > to) return undefined;
    const bytes = await onDisk(window.view(offset, length));
    if (bytes.length < length) return undefined;
    const payloadEnd = header.headerBytes + header.payloadBytes;
    verifyBlocks(hash, header, 0, bytes.subarray(header.headerBytes, payloadEnd));
    return { bytes, padding: bytes.subarray(payloadEnd) };
  } catch (error) {
    if (isStoreError(error, "corrupt")) return undefined;
    throw error;
  }
}

/** Where the next record begins that some source has, behind one that none has. */
async function holeEnd(
  { platform, sources, extent, to, signal }: VerifiedContentOptions,
  from: number,
): Promise<number> {
  const [file, ...others] = sources;
  if (file === undefined) return to;
  const scan = scanRecords({ platform, file, others, extent, from, to, signal });
  const { value: first } = await scan.next();
  await scan.return();
  return first === undefined ? to : first.end;
}
