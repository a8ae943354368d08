import type { Ready } from "../base/ready.ts";
import type { ExtentHeader } from "../format/extent-header.ts";
import type { MemberState, Scheme } from "../format/extent-row.ts";
import type { DiskId, ExtentId, SessionId, StoreId } from "../format/ids.ts";
import { DiskError } from "../platform/disk.ts";
import type { DigestQuestion } from "./digest-tree.ts";

/*
 * The one way to the members of extents, for all who write, read, look at, seal or drop them. One
 * implementation stands on a directory of this machine (local-members.ts); one on another
 * machine is as safe, since it is the members that refuse an older epoch, and another header than
 * the one that is meant (C9).
 *
 * All methods fail with a DiskError where the disk does.
 */

/** Which file of a data directory: it holds at most one member of each layout of an extent. */
export interface MemberName {
  readonly extent: ExtentId;
  readonly layout: number;
}

/** The members in one data directory. */
export interface Members {
  /** The data directory, for messages. */
  readonly name: string;
  /**
   * Makes a member, durable with its name and header once this resolves. DiskError `exists` where
   * there is a file of that name already: it is not ours, whatever it is.
   */
  create(header: ExtentHeader): Promise<ExtentMember>;
  /**
   * Opens the member that is meant; `absent` where there is no file, and a doubt where there is one
   * that did not prove to be it.
   */
  open(expected: RowHeader): Promise<ExtentMember | "absent" | { readonly doubt: string }>;
  /**
   * Opens whatever has the member's name: who reads it verifies each record, or its header.
   * DiskError `missing` where there is none.
   */
  openForReading(name: MemberName): Promise<ReadableMember>;
  /**
   * The digests of these nodes, made of the member's bytes where its disk is, so that copies are
   * compared without moving them (digest-tree.ts). Fewer where it ends before them. DiskError
   * `missing` where there is no file of its name.
   */
  digests(name: MemberName, question: DigestQuestion): Promise<readonly number[]>;
  /** Removes the member, durably, if it is the one that is meant, or holds nothing at all. */
  drop(drop: MemberDrop): Promise<MemberDropped>;
  /** The folders that the files stand in, in no order; none before the first was made. */
  folders(): Promise<string[]>;
  /** The paths of all that stands in a folder, also of what is no member; none where it has gone. */
  pathsIn(folder: string): Promise<string[]>;
  /**
   * Throws StoreError `missing` where the data directory is not what it was: where a disk is not
   * mounted, its mount point is an empty directory, and "no such file" says nothing of what the
   * disk holds.
   */
  assertPresent(): Promise<void>;
}

/** The header that the member must have. */
export interface ExpectedHeader {
  readonly store: StoreId;
  readonly disk: DiskId;
  readonly extent: ExtentId;
  readonly session: SessionId;
  /** Distinguishes two extents that got the same id and session from two copies of one index. */
  readonly createdMs: number;
  /** The newest that the caller knows of. */
  readonly epoch: number;
  readonly layout: number;
  /**
   * Undefined where no row states it: then a header that was cut off as it was written proves
   * nothing.
   */
  readonly scheme?: Scheme | undefined;
  /** The member's place among the scheme's members, if that is known. */
  readonly member?: number | undefined;
}

/** The same header as a row states it. */
export type RowHeader = ExpectedHeader & { readonly scheme: Scheme; readonly member: number };

export interface MemberDrop {
  readonly expected: ExpectedHeader;
  /** A longer file is kept, for a caller that knows that nothing but a header can be in it. */
  readonly bytesMax?: number | undefined;
  /**
   * When to sync the name: also where there is no file, since it may have been removed just before
   * a crash. Default: always.
   */
  readonly sync?: "always" | "if there" | undefined;
}

export type MemberDropped =
  | { readonly outcome: "removed"; readonly bytes: number }
  | { readonly outcome: "absent" }
  | { readonly outcome: "kept"; readonly bytes: number; readonly why: string };

export interface ReadableMember {
  /**
   * Fills `buffer` from `offset`; returns how many bytes were there. Fewer than asked means the end
   * of the member. The buffer may be handed on at once.
   */
  read(buffer: Uint8Array, offset: number): Promise<number>;
  /** Length in bytes. */
  size(): Promise<number>;
  close(): Promise<void>;
}

/** One copy of an extent, on one disk, opened by the header that is meant. */
export interface ExtentMember extends ReadableMember {
  /**
   * Resolves once the bytes are durable at `offset`, in the file at the member's path, while its
   * epoch was `epoch`. So a process that raised it before finds them, or they were never answered
   * for. StoreError `fenced` where the epoch is another one; MemberLost where the file is not what
   * it was. After a failure nothing is known of what stands from `offset` on.
   */
  append(epoch: number, offset: number, vectors: readonly Uint8Array[]): Promise<void>;
  /** True if its file still stands at its path. */
  isInPlace(): Ready<boolean>;
  /**
   * Raises the epoch, durably: once this resolves, no append at an older one is answered for.
   * StoreError `fenced` where the member's own is higher.
   */
  seal(epoch: number): Promise<void>;
}

/** The file is no longer at its path, or its header is spoiled. It says nothing of the disk. */
export class MemberLost extends DiskError {
  readonly found: Exclude<MemberState, "whole">;

  constructor(found: Exclude<MemberState, "whole">, message: string) {
    super(found === "missing" ? "missing" : "io", message);
    this.found = found;
  }
}
