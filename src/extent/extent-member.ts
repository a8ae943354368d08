import type { Ready } from "../base/ready.ts";
import type { MemberState } from "../format/extent-row.ts";
import { DiskError } from "../platform/disk.ts";

/**
 * One copy of an extent, on one disk: the one way to it for the writer and for the process that
 * seals the extent. The member itself refuses what comes with an older epoch than its own, so that
 * one on another machine is as safe as one here. It is opened, and removed, by the header that is
 * meant only (C9: member/local-member.ts, member/member-drop.ts).
 *
 * All methods fail with a DiskError where the disk does.
 */
export interface ExtentMember {
  /**
   * Resolves once the bytes are durable at `offset`, in the file at the member's path, while its
   * epoch was `epoch`. So a process that raised it before finds them, or they were never answered
   * for. StoreError `fenced` where the epoch is another one; MemberLost where the file is not what
   * it was. After a failure nothing is known of what stands from `offset` on.
   */
  append(epoch: number, offset: number, parts: readonly Uint8Array[]): Promise<void>;
  /** Fills `buffer` from `offset`; returns how many bytes were there. */
  read(buffer: Uint8Array, offset: number): Promise<number>;
  /** Length in bytes. */
  size(): Promise<number>;
  /** True if its file still stands at its path. */
  isInPlace(): Ready<boolean>;
  /**
   * Raises the epoch, durably: once this resolves, no append at an older one is answered for.
   * StoreError `fenced` where the member's own is higher.
   */
  seal(epoch: number): Promise<void>;
  close(): Promise<void>;
}

/** The file is no longer at its path, or its header is spoiled. It says nothing of the disk. */
export class MemberLost extends DiskError {
  readonly found: Exclude<MemberState, "whole">;

  constructor(found: Exclude<MemberState, "whole">, message: string) {
    super(found === "missing" ? "missing" : "io", message);
    this.found = found;
  }
}
