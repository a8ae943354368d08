import { toHex } from "../base/bytes.ts";
import { StoreError, messageOf } from "../base/errors.ts";
import type { CommitRecord, CommitRecordHead, LogPosition } from "../format/commit-record.ts";
import {
  commitRecordAlign,
  commitRecordBytes,
  commitRecordHead,
  decodeCommitRecord,
  isCommitRecordIntact,
} from "../format/commit-record.ts";
import { type DiskId, idText, type StoreId } from "../format/ids.ts";
import type { LogSegmentHeader, LogSegmentName } from "../format/log-segment.ts";
import { decodeLogSegmentHeader, logHeaderBytes, logSegmentFile } from "../format/log-segment.ts";
import { isDiskError } from "../platform/disk.ts";
import type { Hash } from "../platform/hash.ts";
import { SectorReader } from "./disk/sector-reader.ts";
import type { FileBytes } from "./disk/unreadable-bytes.ts";
import type { ReadableMember } from "./extent-member.ts";
import type { LogQuorum } from "./log-quorum.ts";
import type { LogDisk } from "./log-writer.ts";
import { UnreadTails } from "./log/unread-tails.ts";

/* Reads the commit log: which segments stand on which disks, and the records in them. */

/** A copy of a segment whose header could be read, and is of this store and disk. */
export interface FoundSegment {
  readonly on: LogDisk;
  readonly header: LogSegmentHeader;
}

/** A copy of a segment of which the name at least is known. */
export interface NamedCopy {
  readonly on: LogDisk;
  readonly header: LogSegmentName;
}

export interface FoundSegments {
  readonly segments: readonly FoundSegment[];
  /** Data directories whose log could not be listed. */
  readonly unread: ReadonlySet<DiskId>;
  /** Copies whose header is in sectors that cannot be read: only their names are known. */
  readonly unreadHeaders: readonly NamedCopy[];
  /** Data directories whose log could not be read, and files that are no segments of this store. */
  readonly doubts: readonly { readonly disk: string; readonly why: string }[];
}

export async function findSegments(
  hash: Hash,
  store: StoreId,
  disks: readonly LogDisk[],
): Promise<FoundSegments> {
  const segments: FoundSegment[] = [];
  const doubts: { disk: string; why: string }[] = [];
  const unread = new Set<DiskId>();
  const unreadHeaders: NamedCopy[] = [];
  for (const on of disks) {
    try {
      for (const name of await on.log.list()) {
        const header = await headerOf(hash, on, name);
        const isRead = header !== "unread";
        const isOwn =
          isRead && header?.store === store && header.disk === on.id && isSame(header, name);
        if (isOwn) segments.push({ on, header });
        else {
          const what = isRead ? "has no header of ours" : "has a header that cannot be read";
          doubts.push({ disk: on.log.name, why: `${logSegmentFile(name)} ${what}` });
        }
        if (!isRead) unreadHeaders.push({ on, header: name });
      }
    } catch (error) {
      doubts.push({ disk: on.log.name, why: messageOf(error) });
      unread.add(on.id);
    }
  }
  return { segments, doubts, unread, unreadHeaders };
}

/** `unread` where a slot that the disk cannot read may hold it. */
async function headerOf(
  hash: Hash,
  on: LogDisk,
  name: LogSegmentName,
): Promise<LogSegmentHeader | "unread" | undefined> {
  const member = await on.log.openForReading(name);
  try {
    const unread: FileBytes[] = [];
    const slots = new Uint8Array(logHeaderBytes);
    const length = await new SectorReader(member, unread).read(slots, 0);
    const header = decodeLogSegmentHeader(hash, slots.subarray(0, length));
    return header === undefined && unread.length > 0 ? "unread" : header;
  } finally {
    await member.close();
  }
}

export function isSame(a: LogSegmentName, b: LogSegmentName): boolean {
  return a.writer === b.writer && a.ordinal === b.ordinal;
}

/** True where all records of the segment are known to lie at or before `sequence`. */
export function isWhollyBefore(
  segment: LogSegmentName,
  segments: readonly FoundSegment[],
  sequence: number,
): boolean {
  // A record that one segment did not take for certain is the first of the next.
  return segments.some(
    ({ header }) =>
      header.writer === segment.writer &&
      header.ordinal > segment.ordinal &&
      header.firstSequence <= sequence,
  );
}

/** What the copy takes of its disk; 0 where that fails. */
export async function segmentBytes({ on, header }: FoundSegment): Promise<number> {
  try {
    const member = await on.log.openForReading(header);
    try {
      return await member.size();
    } finally {
      await member.close();
    }
  } catch (error) {
    if (isDiskError(error)) return 0;
    throw error;
  }
}

/** True if a segment that may be needed has not the copies that the log needs by now. */
export function hasShortSegment(
  segments: readonly FoundSegment[],
  quorum: Pick<LogQuorum, "isMet">,
  sequence: number,
): boolean {
  return segments.some(({ header }) => {
    if (isWhollyBefore(header, segments, sequence)) return false;
    const copies = segments.filter((one) => isSame(one.header, header));
    return !quorum.isMet(copies.map(({ on }) => on.id));
  });
}

/** The sequence of the last record in the copy; 0 where there is none. DiskError as it fails. */
export async function lastSequenceIn(hash: Hash, segment: FoundSegment): Promise<number> {
  let last = 0;
  for await (const { head } of scanSegment(hash, segment)) last = Math.max(last, head.sequence);
  return last;
}

/** A record and all places where it stands. */
export interface FoundRecord extends CommitRecordHead {
  readonly places: { readonly segment: FoundSegment; readonly offset: number }[];
}

export interface RecordSearch {
  /** Records behind this sequence are left for a later search. */
  readonly upTo?: number | undefined;
  /**
   * It is noted here up to where each copy holds nothing that a later search wants, so that the
   * next one begins there.
   */
  readonly readTo?: Map<string, number> | undefined;
}

export interface FoundRecords {
  readonly records: FoundRecord[];
  /** Data directories that could not be read. */
  readonly unread: ReadonlySet<DiskId>;
  /** Copies with sectors that could not be read, and may hide later records of their segment. */
  readonly hiding: readonly FoundSegment[];
}

/** All intact records behind a position. */
export async function findRecords(
  hash: Hash,
  segments: readonly FoundSegment[],
  from: Pick<LogPosition, "sequence">,
  { upTo = Number.POSITIVE_INFINITY, readTo }: RecordSearch = {},
): Promise<FoundRecords> {
  const unread = new Set<DiskId>();
  const tails = new UnreadTails<FoundSegment>();
  const records = new Map<string, FoundRecord>();
  // A later search begins behind the last but one of this one's.
  const passed = upTo === Number.POSITIVE_INFINITY ? from.sequence : upTo - 1;
  for (const segment of segments) {
    if (segment.header.firstSequence > upTo) continue;
    if (isWhollyBefore(segment.header, segments, from.sequence)) continue;
    const copy = copyName(segment);
    const scan = tails.begin(segment, readTo?.get(copy));
    try {
      for await (const { head, offset } of scanSegment(hash, segment, scan)) {
        const isLast = head.sequence > upTo;
        tails.recordEnds(segment, isLast ? Number.POSITIVE_INFINITY : offset + head.bytes);
        if (head.sequence <= passed) readTo?.set(copy, offset + head.bytes);
        if (isLast) break;
        if (head.sequence <= from.sequence) continue;
        const key = `${head.sequence} ${toHex(head.checksum)}`;
        const found = records.get(key) ?? { ...head, places: [] };
        records.set(key, found);
        found.places.push({ segment, offset });
      }
    } catch (error) {
      if (!isDiskError(error)) throw error;
      unread.add(segment.on.id);
    }
  }
  return { records: [...records.values()], unread, hiding: tails.copies };
}

/**
 * The lowest sequence of a record behind this one; and data directories that could not be read.
 * Sectors that cannot be read are passed over: findRecords says what they may hide.
 */
export async function lowestBehind(
  hash: Hash,
  segments: readonly FoundSegment[],
  sequence: number,
  readTo: ReadonlyMap<string, number>,
): Promise<{ readonly lowest: number | undefined; readonly unread: ReadonlySet<DiskId> }> {
  const unread = new Set<DiskId>();
  let lowest: number | undefined;
  for (const segment of segments) {
    if (segment.header.firstSequence >= (lowest ?? Number.POSITIVE_INFINITY)) continue;
    if (isWhollyBefore(segment.header, segments, sequence)) continue;
    const start = { from: readTo.get(copyName(segment)), unread: [] };
    try {
      for await (const { head } of scanSegment(hash, segment, start)) {
        if (head.sequence <= sequence) continue;
        lowest = Math.min(lowest ?? head.sequence, head.sequence);
        break;
      }
    } catch (error) {
      if (!isDiskError(error)) throw error;
      unread.add(segment.on.id);
    }
  }
  return { lowest, unread };
}

/** Names a copy among all of a store. */
export function copyName({ on, header }: FoundSegment): string {
  return `${idText(on.id)} ${logSegmentFile(header)}`;
}

/** Read at a time, unless a record is longer. */
const windowBytes = 1024 * 1024;

export interface ScanStart {
  /** Where a record begins, or would. Default: the first one. */
  readonly from?: number | undefined;
  /** Gets the sectors that cannot be read. */
  readonly unread?: FileBytes[] | undefined;
}

/**
 * The intact records of one copy. Behind what is none it looks on: a torn or damaged record hides
 * none of those after it. Nor does a sector that cannot be read, where `unread` is given to note it
 * in: otherwise this fails there.
 */
export async function* scanSegment(
  hash: Hash,
  { on, header }: FoundSegment,
  { from = logHeaderBytes, unread }: ScanStart = {},
): AsyncGenerator<{ readonly head: CommitRecordHead; readonly offset: number }, void> {
  const member = await on.log.openForReading(header);
  const file = unread === undefined ? member : new SectorReader(member, unread);
  try {
    const end = await member.size();
    for (let at = from; at < end;) {
      const window = await readAt(file, at, Math.min(windowBytes, end - at));
      let used = 0;
      while (used < window.length) {
        const bytes = commitRecordBytes(window, used) ?? 0;
        const isHere = bytes > 0 && bytes <= end - at - used;
        if (isHere && bytes > window.length - used) break;
        const record = window.subarray(used, used + bytes);
        const head = isHere ? commitRecordHead(hash, record) : undefined;
        if (head !== undefined) yield { head, offset: at + used };
        used += head?.bytes ?? commitRecordAlign;
      }
      if (used === 0) {
        const large = await scanLarge(hash, file, at);
        if (large !== undefined) yield { head: large, offset: at };
        used = large?.bytes ?? commitRecordAlign;
      }
      at += used;
    }
  } finally {
    await member.close();
  }
}

/** A record that is larger than a window. */
async function scanLarge(
  hash: Hash,
  file: Pick<ReadableMember, "read">,
  at: number,
): Promise<CommitRecordHead | undefined> {
  const bytes = commitRecordBytes(await readAt(file, at, commitRecordAlign), 0);
  return bytes === undefined ? undefined : commitRecordHead(hash, await readAt(file, at, bytes));
}

async function readAt(
  file: Pick<ReadableMember, "read">,
  at: number,
  bytes: number,
): Promise<Uint8Array> {
  const buffer = new Uint8Array(bytes);
  return buffer.subarray(0, await file.read(buffer, at));
}

/** Reads whole records one after the other; keeps the file of the last one open. */
export class LogRecordReader {
  readonly #hash: Hash;
  #open: { readonly segment: FoundSegment; readonly member: ReadableMember } | undefined;

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  /** StoreError `corrupt` where none of its copies can be read. */
  async read(found: FoundRecord): Promise<CommitRecord> {
    return decodeCommitRecord(this.#hash, await this.readBytes(found));
  }

  /** The whole record as it stands in the log, verified. */
  async readBytes({ sequence, bytes, places }: FoundRecord): Promise<Uint8Array> {
    let why: unknown;
    for (const { segment, offset } of places) {
      try {
        const member = await this.#memberOf(segment);
        const record = await readAt(member, offset, bytes);
        if (isCommitRecordIntact(this.#hash, record)) return record;
        why = new StoreError("corrupt", "checksum mismatch");
      } catch (error) {
        why = error;
      }
    }
    const message = `record ${sequence} of the log of the index can no longer be read`;
    throw new StoreError("corrupt", `${message}: ${messageOf(why)}`, { cause: why });
  }

  async close(): Promise<void> {
    await this.#open?.member.close();
    this.#open = undefined;
  }

  async #memberOf(segment: FoundSegment): Promise<ReadableMember> {
    if (this.#open?.segment === segment) return this.#open.member;
    await this.close();
    const member = await segment.on.log.openForReading(segment.header);
    this.#open = { segment, member };
    return member;
  }
}
