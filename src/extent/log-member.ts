import type { LogSegmentHeader, LogSegmentName } from "../format/log-segment.ts";
import type { ReadableMember } from "./extent-member.ts";

/*
 * The one way to the copies of the commit log's segments, for who appends, reads, seals or removes
 * them. One implementation stands on a directory of this machine (local-log-members.ts); one on
 * another machine is as safe, since it is the member that refuses what comes after it was sealed,
 * and that removes nothing but what its own header proves (C9).
 *
 * All methods fail with a DiskError where the disk does.
 */

/** The copies of segments in one data directory. */
export interface LogMembers {
  /** The data directory, for messages. */
  readonly name: string;
  /** Makes a copy, durable with its name and header once this resolves. */
  create(header: LogSegmentHeader): Promise<LogMember>;
  /** The segments that have a file here, in no order. */
  list(): Promise<LogSegmentName[]>;
  /** DiskError `missing` where there is none. */
  openForReading(segment: LogSegmentName): Promise<ReadableMember>;
  /**
   * From when this resolves no record that is appended to it is answered for. False where there is
   * no such segment, or its header cannot be read.
   */
  seal(segment: LogSegmentName): Promise<boolean>;
  /**
   * Puts a sealed copy with these records, which are asked for twice, in the place of one that is
   * not whole, or of none. It is read back before it has its name, and durable once this resolves.
   * A file that is there must be a copy of this segment, as its header says, or, where that is
   * spoiled, the bytes that are known of it.
   */
  replace(
    header: LogSegmentHeader,
    records: () => AsyncIterable<PlacedBytes>,
    known: PlacedBytes | undefined,
  ): Promise<LogReplaced>;
  /** Removes it, durably, if its header proves that it is a sealed copy of this segment here. */
  drop(segment: LogSegmentName): Promise<LogDropped>;
}

export type LogDropped =
  | { readonly outcome: "removed"; readonly bytes: number }
  | { readonly outcome: "absent" }
  | { readonly outcome: "kept"; readonly why: string };

export type LogReplaced =
  | { readonly outcome: "replaced"; readonly bytes: number }
  | { readonly outcome: "kept"; readonly why: string };

/** What stands at one place in every copy of a segment: a record, or a piece of one. */
export interface PlacedBytes {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** One copy of a segment, open for appending. */
export interface LogMember {
  /**
   * Makes sure that the file has space up to `end`; returns up to where it has. Where this fails
   * nothing of a record is there.
   */
  reserve(end: number): Promise<number>;
  /**
   * Resolves once the bytes are durable at `offset`, in the file at the member's path, while it was
   * not sealed. After a failure nothing is known of what stands from `offset` on.
   */
  append(offset: number, bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}
