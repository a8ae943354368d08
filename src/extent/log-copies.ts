import { equalBytes } from "../base/bytes.ts";
import { messageOf } from "../base/errors.ts";
import {
  commitRecordAlign,
  commitRecordBytes,
  type CommitRecordHead,
  commitRecordHead,
} from "../format/commit-record.ts";
import type { StoreId } from "../format/ids.ts";
import type { LogSegmentHeader } from "../format/log-segment.ts";
import { decodeLogSegmentHeader, logHeaderBytes, logSegmentFile } from "../format/log-segment.ts";
import { isDiskError } from "../platform/disk.ts";
import type { Hash } from "../platform/hash.ts";
import type { Log } from "../platform/platform.ts";
import { SectorReader } from "./disk/sector-reader.ts";
import { type FileBytes, isReadError } from "./disk/unreadable-bytes.ts";
import type { ReadableMember } from "./extent-member.ts";
import type { PlacedBytes } from "./log-member.ts";
import { isSame } from "./log-scan.ts";
import type { LogDisk } from "./log-writer.ts";

/*
 * The copies of one segment of the commit log beside each other. A record stands at the same place
 * in all of them, so what one has intact is what each should have. A copy that lacks some is made
 * anew, sealed: a segment of which a copy was replaced takes no more records.
 */

export interface CopyFinding {
  readonly on: LogDisk;
  /**
   * - `whole`: it has all that any copy has.
   * - `short`: it lacks some; the bytes there are zeros or none, as of one that was left behind, or
   *   that a power cut met.
   * - `damaged`: it has bytes in their place that were never written, or a header that is none, or
   *   its disk cannot read some of it.
   * - `missing`: there is no file.
   * - `foreign`: it is a file of something else, which is left alone.
   * - `unread`: its disk has gone, or gives no answer.
   */
  readonly state: "whole" | "short" | "damaged" | "missing" | "foreign" | "unread";
  /** What shows that the file is a copy of this segment where its header does not. */
  readonly known: PlacedBytes | undefined;
}

export interface SegmentQuestion {
  readonly hash: Hash;
  readonly store: StoreId;
  /** The header of some copy. */
  readonly header: LogSegmentHeader;
  /** Where there is a copy, or should be. */
  readonly on: readonly LogDisk[];
  /** Records behind it are not looked at: they may be under way. */
  readonly upTo?: number | undefined;
}

/** Reads all copies to their end. */
export async function compareLogCopies(question: SegmentQuestion): Promise<CopyFinding[]> {
  const { upTo = Number.POSITIVE_INFINITY } = question;
  await using open = await OpenCopies.open(question);
  const { copies } = open;
  for await (const { head, offset, bytes } of open.records()) {
    if (head.sequence > upTo) continue;
    for (const copy of copies) await copy.judge(offset, bytes);
  }
  return open.findings();
}

/** What any copy has intact, in its place, in order. */
export async function* recordsOfCopies(
  question: SegmentQuestion,
): AsyncGenerator<PlacedBytes, void> {
  await using open = await OpenCopies.open(question);
  for await (const { offset, bytes } of open.records()) yield { offset, bytes };
}

export interface MendedCopies {
  readonly findings: readonly CopyFinding[];
  /** Copies that were made anew. */
  readonly mended: number;
}

/**
 * Makes those copies anew that are not whole. First all are sealed, so that what is found then is
 * all that was or will be answered for in them; a writer that still had the segment goes on in
 * another.
 */
export async function mendLogCopies(log: Log, question: SegmentQuestion): Promise<MendedCopies> {
  const { header, on } = question;
  // holds: C1 log-sealed-before-it-is-mended
  for (const disk of on) await sealIfThere(log, disk, header);
  const findings = await compareLogCopies(question);
  let mended = 0;
  for (const { on: disk, state, known } of findings) {
    if (state !== "short" && state !== "damaged" && state !== "missing") continue;
    const place = { disk: disk.log.name, file: logSegmentFile(header) };
    const sealed = { ...header, disk: disk.id, isSealed: true };
    try {
      const done = await disk.log.replace(sealed, () => recordsOfCopies(question), known);
      if (done.outcome === "kept") log("warn", "log_segment_kept", { ...place, why: done.why });
      else {
        log("info", "log_copy_mended", { ...place, was: state, bytes: done.bytes });
        mended++;
      }
    } catch (error) {
      if (!isDiskError(error)) throw error;
      log("warn", "log_copy_not_mended", { ...place, message: error.message });
    }
  }
  return { findings, mended };
}

async function sealIfThere(log: Log, on: LogDisk, header: LogSegmentHeader): Promise<void> {
  try {
    // Of one whose header is spoiled nothing is answered for: its writer finds another header.
    await on.log.seal(header);
  } catch (error) {
    if (!isDiskError(error)) throw error;
    log("warn", "log_segment_not_sealed", { disk: on.log.name, message: messageOf(error) });
  }
}

class OpenCopies implements AsyncDisposable {
  readonly copies: readonly OpenCopy[];
  readonly #hash: Hash;
  readonly #others: readonly CopyFinding[];

  private constructor(hash: Hash, copies: readonly OpenCopy[], others: readonly CopyFinding[]) {
    this.#hash = hash;
    this.copies = copies;
    this.#others = others;
  }

  static async open({ hash, store, header, on }: SegmentQuestion): Promise<OpenCopies> {
    const copies: OpenCopy[] = [];
    const others: CopyFinding[] = [];
    for (const disk of on) {
      try {
        const copy = await OpenCopy.open(disk, header);
        copies.push(copy);
        await copy.readHeader(hash, store);
      } catch (error) {
        if (!isDiskError(error)) throw error;
        const state = error.kind === "missing" ? "missing" : "unread";
        others.push({ on: disk, state, known: undefined });
      }
    }
    return new OpenCopies(hash, copies, others);
  }

  findings(): CopyFinding[] {
    return [...this.copies.map((copy) => copy.finding()), ...this.#others];
  }

  /** The bytes are borrowed until the next is asked for. */
  async *records(): AsyncGenerator<PlacedBytes & { readonly head: CommitRecordHead }, void> {
    const end = Math.max(logHeaderBytes, ...this.copies.map(({ size }) => size));
    for (let at = logHeaderBytes; at < end;) {
      const found = await this.#recordAt(at);
      if (found !== undefined) yield { ...found, offset: at };
      at += found?.bytes.length ?? commitRecordAlign;
    }
  }

  async #recordAt(
    at: number,
  ): Promise<{ readonly head: CommitRecordHead; readonly bytes: Uint8Array } | undefined> {
    for (const copy of this.copies) {
      if (copy.state === "foreign") continue;
      const length = commitRecordBytes(await copy.at(at, commitRecordAlign), 0) ?? 0;
      if (length === 0 || length > copy.size - at) continue;
      const bytes = await copy.at(at, length);
      const head = commitRecordHead(this.#hash, bytes);
      if (head !== undefined) return { head, bytes };
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const copy of this.copies) await copy.close();
  }
}

/** Read at a time, unless a record is longer. */
const windowBytes = 1024 * 1024;

/** One copy, read in windows from its beginning to its end. */
class OpenCopy {
  readonly on: LogDisk;
  readonly size: number;
  state: CopyFinding["state"] = "whole";
  readonly #segment: LogSegmentHeader;
  readonly #member: ReadableMember;
  readonly #reader: SectorReader;
  readonly #unread: FileBytes[] = [];
  #known: PlacedBytes | undefined;
  #window = new Uint8Array(0);
  #windowAt = 0;

  private constructor(
    on: LogDisk,
    segment: LogSegmentHeader,
    { member, size }: { readonly member: ReadableMember; readonly size: number },
  ) {
    this.on = on;
    this.#segment = segment;
    this.#member = member;
    this.#reader = new SectorReader(member, this.#unread);
    this.size = size;
  }

  static async open(on: LogDisk, segment: LogSegmentHeader): Promise<OpenCopy> {
    const member = await on.log.openForReading(segment);
    try {
      return new OpenCopy(on, segment, { member, size: await member.size() });
    } catch (error) {
      await member.close();
      throw error;
    }
  }

  async readHeader(hash: Hash, store: StoreId): Promise<void> {
    const bytes = await this.at(0, logHeaderBytes);
    if (this.state === "unread") return;
    const header = decodeLogSegmentHeader(hash, bytes);
    if (header === undefined) this.state = "damaged";
    else {
      const isOwn = header.store === store && header.disk === this.on.id;
      if (!isOwn || !isSame(header, this.#segment)) this.state = "foreign";
    }
  }

  /**
   * Fewer bytes at the end of the file, and zeros for sectors that the disk cannot read; none where
   * it fails otherwise. Borrowed.
   */
  async at(offset: number, bytes: number): Promise<Uint8Array> {
    const from = offset - this.#windowAt;
    if (from < 0 || from + bytes > this.#window.length) {
      const left = Math.max(0, this.size - offset);
      const buffer = new Uint8Array(Math.min(left, Math.max(bytes, windowBytes)));
      this.#window = buffer.subarray(0, await this.#read(buffer, offset));
      this.#windowAt = offset;
      return this.#window.subarray(0, bytes);
    }
    return this.#window.subarray(from, from + bytes);
  }

  async #read(buffer: Uint8Array, offset: number): Promise<number> {
    if (buffer.length === 0) return 0;
    try {
      return await this.#reader.read(buffer, offset);
    } catch (error) {
      if (!isDiskError(error)) throw error;
      this.state = isReadError(error) ? "damaged" : "unread";
      return 0;
    } finally {
      const isKnown = this.state === "whole" || this.state === "short";
      // holds: C5 log-copy-with-unread-sectors-is-mended
      if (isKnown && this.#unread.length > 0) this.state = "damaged";
    }
  }

  /** Compares what stands where all copies should have these bytes. */
  async judge(offset: number, bytes: Uint8Array): Promise<void> {
    if (this.state === "foreign") return;
    const found = await this.at(offset, bytes.length);
    if (equalBytes(found, bytes)) {
      this.#known ??= { offset, bytes: bytes.slice(0, commitRecordAlign) };
      return;
    }
    // Of one that could not be read nothing is known.
    if (this.state === "damaged" || this.state === "unread") return;
    this.state = isUnwritten(found, bytes) ? "short" : "damaged";
  }

  finding(): CopyFinding {
    return { on: this.on, state: this.state, known: this.#known };
  }

  close(): Promise<void> {
    return this.#member.close();
  }
}

/** True if each sector is as it was written, or zeros as before: no disk writes half of one. */
function isUnwritten(found: Uint8Array, bytes: Uint8Array): boolean {
  for (let at = 0; at < found.length; at += commitRecordAlign) {
    const sector = found.subarray(at, at + commitRecordAlign);
    const isWritten = equalBytes(sector, bytes.subarray(at, at + sector.length));
    if (!isWritten && sector.some((byte) => byte !== 0)) return false;
  }
  return true;
}
