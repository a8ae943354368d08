import { compareBytes, equalBytes } from "../base/bytes.ts";
import { type DiskId, noId, type StoreId } from "../format/ids.ts";
import type { LogSegmentHeader, LogSegmentName } from "../format/log-segment.ts";
import {
  decodeLogSegmentHeader,
  encodeLogSegmentHeader,
  logDirectory,
  logHeaderBytes,
  logSegmentFile,
  logSlotOffset,
  parseLogSegmentFile,
} from "../format/log-segment.ts";
import type { Disk, DiskFile } from "../platform/disk.ts";
import { DiskError, isDiskError } from "../platform/disk.ts";
import type { Hash } from "../platform/hash.ts";
import type { ReadableMember } from "./extent-member.ts";
import { MemberLost } from "./extent-member.ts";
import { readIdentity } from "./data-directories.ts";
import type { ExtentDisks } from "./extent-files.ts";
import type { LogDisk } from "./log-writer.ts";
import { copyDisks } from "./copy-spread.ts";
import { takesNewMembers } from "./mounted-disks.ts";
import type { LogDropped, LogMember, LogMembers, LogReplaced, PlacedBytes } from "./log-member.ts";
import { removeIfThere } from "./disk/remove-if-there.ts";
import { SectorReader } from "./disk/sector-reader.ts";

export interface LocalLogPlace {
  readonly hash: Hash;
  readonly store: StoreId;
  readonly id: DiskId;
  readonly disk: Disk;
  /** Zeros written ahead of the records at a time. */
  readonly aheadBytes: number;
  /** False of a directory that the log is shipped to: it has no identity. */
  readonly isDataDirectory: boolean;
}

/**
 * The copies of log segments in a data directory of this machine. This is the one place where a
 * file of the log is removed (C9).
 */
export class LocalLogMembers implements LogMembers {
  readonly #place: LocalLogPlace;

  constructor(place: LocalLogPlace) {
    this.#place = place;
  }

  get name(): string {
    return this.#place.disk.name;
  }

  async create(header: LogSegmentHeader): Promise<LogMember> {
    const { disk, hash } = this.#place;
    // Nothing is written where the disk is not mounted.
    await this.#requireThere();
    // Another process may have made the directory and not synced it yet.
    await disk.makeDirectory(logDirectory);
    await disk.syncDirectory("");
    const file = await disk.open(pathOf(header), "create");
    try {
      const slots = new Uint8Array(logHeaderBytes);
      slots.set(encodeLogSegmentHeader(hash, header));
      await file.writeDurably([slots], 0);
      // holds: C1 log-segment-in-its-directory
      await disk.syncDirectory(logDirectory);
      return new LocalLogMember(file, slots, this.#place.aheadBytes, pathOf(header));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** An error where the disk is not there: its log is not empty then, but not known. */
  async list(): Promise<LogSegmentName[]> {
    // holds: C1 log-listed-on-its-own-disk
    await this.#requireThere();
    try {
      const names = await this.#place.disk.list(logDirectory);
      return names.flatMap((name) => parseLogSegmentFile(name) ?? []);
    } catch (error) {
      if (isDiskError(error, "missing")) return [];
      throw error;
    }
  }

  async #requireThere(): Promise<void> {
    const { disk, id, isDataDirectory } = this.#place;
    if (!isDataDirectory || (await readIdentity(disk))?.disk === id) return;
    throw new DiskError("missing", `${disk.name} is not the data directory that it was`);
  }

  openForReading(segment: LogSegmentName): Promise<ReadableMember> {
    return this.#place.disk.open(pathOf(segment), "read");
  }

  async seal(segment: LogSegmentName): Promise<boolean> {
    const file = await this.#openIfThere(segment, "write");
    if (file === undefined) return false;
    try {
      const header = await this.#headerOf(new SectorReader(file, []));
      if (header === undefined || this.#mismatch(header, segment) !== undefined) return false;
      const sealed = { ...header, isSealed: true };
      await file.writeDurably(
        [encodeLogSegmentHeader(this.#place.hash, sealed)],
        logSlotOffset(sealed),
      );
      return true;
    } finally {
      await file.close();
    }
  }

  async drop(segment: LogSegmentName): Promise<LogDropped> {
    const file = await this.#openIfThere(segment, "read");
    if (file === undefined) return { outcome: "absent" };
    let bytes = 0;
    try {
      const header = await this.#headerOf(file);
      const why =
        header === undefined ? "its header cannot be read" : this.#mismatch(header, segment);
      // holds: C9 log-header-proved-before-removal
      if (why !== undefined) return { outcome: "kept", why };
      if (header?.isSealed !== true) return { outcome: "kept", why: "it is not sealed" };
      bytes = await file.size();
    } finally {
      await file.close();
    }
    await this.#place.disk.remove(pathOf(segment));
    await this.#place.disk.syncDirectory(logDirectory);
    return { outcome: "removed", bytes };
  }

  async replace(
    header: LogSegmentHeader,
    records: () => AsyncIterable<PlacedBytes>,
    known: PlacedBytes | undefined,
  ): Promise<LogReplaced> {
    const { disk } = this.#place;
    await this.#requireThere();
    const why = await this.#whyKept(header, known);
    // holds: C9 log-copy-proved-before-replacement
    if (why !== undefined) return { outcome: "kept", why };
    await disk.makeDirectory(logDirectory);
    await disk.syncDirectory("");
    const unfinished = pathOf(header) + unfinishedSuffix;
    await removeIfThere(disk, unfinished);
    const bytes = await this.#writeCopy(unfinished, header, records);
    await disk.rename(unfinished, pathOf(header));
    await disk.syncDirectory(logDirectory);
    return { outcome: "replaced", bytes };
  }

  /** Undefined where there is no file, or one that is known to be a copy of the segment. */
  async #whyKept(
    segment: LogSegmentName,
    known: PlacedBytes | undefined,
  ): Promise<string | undefined> {
    const file = await this.#openIfThere(segment, "read");
    if (file === undefined) return undefined;
    try {
      const header = await this.#headerOf(new SectorReader(file, []));
      if (header !== undefined) return this.#mismatch(header, segment);
      if (known !== undefined && (await hasBytes(file, known))) return undefined;
      return "its header cannot be read";
    } finally {
      await file.close();
    }
  }

  /** Written, synced and read back; what cannot be is removed. Returns its length. */
  async #writeCopy(
    path: string,
    header: LogSegmentHeader,
    records: () => AsyncIterable<PlacedBytes>,
  ): Promise<number> {
    const { disk, hash } = this.#place;
    const file = await disk.open(path, "create");
    let end = logHeaderBytes;
    try {
      const slots = new Uint8Array(logHeaderBytes);
      for (const isSealed of [false, true]) {
        const slot = { ...header, isSealed };
        slots.set(encodeLogSegmentHeader(hash, slot), logSlotOffset(slot));
      }
      await file.write([slots], 0);
      for await (const { offset, bytes } of records()) {
        if (offset > end) await file.write([new Uint8Array(offset - end)], end);
        await file.write([bytes], offset);
        end = offset + bytes.length;
      }
      await file.sync();
      const written = { offset: 0, bytes: slots };
      let isGood = await hasBytes(file, written);
      for await (const record of records()) isGood = isGood && (await hasBytes(file, record));
      // holds: C5 log-copy-read-back
      if (!isGood) throw new DiskError("io", `${path} is not as it was written`);
    } catch (error) {
      await file.close();
      await removeIfThere(disk, path);
      throw error;
    }
    await file.close();
    return end;
  }

  async #openIfThere(
    segment: LogSegmentName,
    mode: "read" | "write",
  ): Promise<DiskFile | undefined> {
    try {
      return await this.#place.disk.open(pathOf(segment), mode);
    } catch (error) {
      if (isDiskError(error, "missing")) return undefined;
      throw error;
    }
  }

  async #headerOf(file: Pick<DiskFile, "read">): Promise<LogSegmentHeader | undefined> {
    const slots = new Uint8Array(logHeaderBytes);
    const length = await file.read(slots, 0);
    return decodeLogSegmentHeader(this.#place.hash, slots.subarray(0, length));
  }

  #mismatch(header: LogSegmentHeader, { writer, ordinal }: LogSegmentName): string | undefined {
    if (header.store !== this.#place.store) return "it is of another store";
    if (header.disk !== this.#place.id) return "it is of another data directory";
    const isMeant = header.writer === writer && header.ordinal === ordinal;
    return isMeant ? undefined : "its header names another segment";
  }
}

/** Stands for the id of a directory that the index is shipped to: it has none. */
export const shippedDisk = noId as unknown as DiskId;

/** The log's side of data directories of this machine. */
export function localLogDisks(
  hash: Hash,
  extentDisks: ExtentDisks,
  aheadBytes = aheadBytesDefault,
): LogDisk[] {
  const { store } = extentDisks;
  return copyDisks(extentDisks).map(({ id, labels, holdsIndex, place: { disk } }) => {
    const isDataDirectory = id !== shippedDisk;
    const place = { hash, store, id, disk, aheadBytes, isDataDirectory };
    const isLeaving = !takesNewMembers(extentDisks, id);
    return { id, labels, holdsIndex, isLeaving, log: new LocalLogMembers(place) };
  });
}

/** A copy that is being made anew is called so. */
const unfinishedSuffix = ".new";

async function hasBytes(file: DiskFile, { offset, bytes }: PlacedBytes): Promise<boolean> {
  const found = new Uint8Array(bytes.length);
  return (await file.read(found, offset)) === found.length && equalBytes(found, bytes);
}

function pathOf(segment: LogSegmentName): string {
  return `${logDirectory}/${logSegmentFile(segment)}`;
}

/**
 * @limit Zeros written ahead of the records: a sync of bytes that overwrite some takes half as long
 * as one that lets the file grow (decision 19).
 */
const aheadBytesDefault = 1024 * 1024;

class LocalLogMember implements LogMember {
  readonly #file: DiskFile;
  readonly #path: string;
  /** The header as it was written: any other means that it was sealed, or is another file's. */
  readonly #slots: Uint8Array;
  readonly #found = new Uint8Array(logHeaderBytes);
  readonly #aheadBytes: number;
  #end = logHeaderBytes;

  constructor(file: DiskFile, slots: Uint8Array, aheadBytes: number, path: string) {
    this.#aheadBytes = aheadBytes;
    this.#file = file;
    this.#slots = slots;
    this.#path = path;
  }

  async reserve(end: number): Promise<number> {
    while (this.#end < end) {
      await this.#file.write([new Uint8Array(this.#aheadBytes)], this.#end);
      this.#end += this.#aheadBytes;
    }
    return this.#end;
  }

  async append(offset: number, bytes: Uint8Array): Promise<void> {
    // holds: C1 log-record-synced
    await this.#file.writeDurably([bytes], offset);
    const isInPlace = await this.#file.isInPlace(this.#found);
    // Who seals does so before it reads: what was synced before is found, what comes later is not
    // answered for.
    // holds: C9 sealed-log-segment-takes-no-records
    if (isInPlace && compareBytes(this.#found, this.#slots) === 0) return;
    throw new MemberLost("missing", `${this.#path}: the log segment was sealed, moved or replaced`);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
