import type { ChunkRef } from "../../format/chunk-ref.ts";
import type { MemberState } from "../../format/extent-row.ts";
import { extentHeaderBytes, recordAlignment } from "../../format/limits.ts";
import type { RecordIdentity } from "../../format/record.ts";
import { encodeRecordHeader } from "../../format/record.ts";
import { isDiskError } from "../../platform/disk.ts";
import type { Hash } from "../../platform/hash.ts";
import type { ExtentMember } from "../extent-member.ts";
import { MemberLost } from "../extent-member.ts";
import type { ExtentEntry } from "../extent-table.ts";
import type { DiskHealth } from "../disk/disk-health.ts";

/** A record on its way into an extent; where it will lie is not known yet. */
export interface StagedRecord {
  readonly identity: RecordIdentity;
  readonly payload: Uint8Array;
  readonly blockChecksums: readonly number[];
  /** Header, payload and padding. */
  readonly bytes: number;
}

/** A member while it is written. */
export interface OpenMember {
  readonly member: ExtentMember;
  readonly health: DiskHealth;
}

const zeros = new Uint8Array(recordAlignment);

/**
 * The writer's end of an open extent: each append is one vectored write and one sync on every
 * member. After a failure it must not be appended to again: what was not synced counts as gone, and
 * `length` is what was.
 */
export class OpenExtent {
  readonly entry: ExtentEntry;
  readonly openedMs: number;
  readonly #hash: Hash;
  readonly #members: readonly OpenMember[];
  readonly #states: MemberState[];
  #length = extentHeaderBytes;
  /** Indexes of the members that have not answered the append under way. */
  readonly #unanswered = new Set<number>();

  constructor(options: {
    readonly hash: Hash;
    readonly entry: ExtentEntry;
    readonly members: readonly OpenMember[];
    /** When it was opened, on the monotonic clock. */
    readonly openedMs: number;
  }) {
    this.entry = options.entry;
    this.openedMs = options.openedMs;
    this.#hash = options.hash;
    this.#members = options.members;
    this.#states = options.members.map(() => "whole");
  }

  /** Length up to the end of the last synced record. */
  get length(): number {
    return this.#length;
  }

  get isEmpty(): boolean {
    return this.#length === extentHeaderBytes;
  }

  /**
   * The states of its members that appends and looks found, in the order of its row. Where a whole
   * directory is not there its files may come back with it, so its member counts as whole.
   */
  get memberStates(): readonly MemberState[] {
    return this.#states.map((state, index) =>
      this.#members[index]!.health.state.kind === "missing" ? "whole" : state,
    );
  }

  /** True where the file of a member was removed, replaced or spoiled. */
  get isLost(): boolean {
    return this.#states.some((state) => state !== "whole");
  }

  /** The disks that have not answered the append under way. */
  get unansweredDisks(): readonly DiskHealth[] {
    return [...this.#unanswered].map((index) => this.#members[index]!.health);
  }

  /** True if all files still stand at their paths; not to be asked while an append is under way. */
  async isInPlace(): Promise<boolean> {
    for (const [index, { member }] of this.#members.entries()) {
      if (!(await member.isInPlace())) this.#states[index] = "missing";
    }
    return !this.isLost;
  }

  /**
   * Resolves when the records are durable on all members. DiskError, `missing` where a file is no
   * longer at its path; StoreError `fenced` where others sealed the extent. The failure of a disk
   * is passed to its health.
   */
  async append(records: readonly StagedRecord[]): Promise<ChunkRef[]> {
    const vectors: Uint8Array[] = [];
    const refs: ChunkRef[] = [];
    let end = this.#length;
    for (const record of records) {
      refs.push(this.#encode(record, end, vectors));
      end += record.bytes;
    }
    const appends = this.#appendToMembers(vectors);
    try {
      await (appends.length === 1 ? appends[0]! : Promise.all(appends));
    } catch (error) {
      await this.#noteFailures(appends);
      throw error;
    } finally {
      this.#unanswered.clear();
    }
    this.#length = end;
    return refs;
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map(({ member }) => member.close()));
  }

  #encode(record: StagedRecord, offset: number, vectors: Uint8Array[]): ChunkRef {
    const { identity, payload, blockChecksums } = record;
    const extent = this.entry.id;
    const place = { extent, offset, session: this.entry.row.session };
    const header = encodeRecordHeader(this.#hash, identity, place, {
      bytes: payload.length,
      blockChecksums,
    });
    vectors.push(header.bytes, payload);
    const padding = record.bytes - header.bytes.length - payload.length;
    if (padding > 0) vectors.push(zeros.subarray(0, padding));
    return { extent, offset, length: payload.length, checksum: header.checksum };
  }

  /** Appends to all members, which are the quorum for now. */
  #appendToMembers(vectors: readonly Uint8Array[]): readonly Promise<void>[] {
    const { epoch } = this.entry.row;
    return this.#members.map(({ member }, index) => {
      this.#unanswered.add(index);
      const append = member.append(epoch, this.#length, vectors);
      if (this.#members.length === 1) return append;
      return append.finally(() => this.#unanswered.delete(index));
    });
  }

  /** Waits for all members: none may be writing when its file is closed. */
  async #noteFailures(appends: readonly Promise<void>[]): Promise<void> {
    const ends = await Promise.allSettled(appends);
    for (const [index, end] of ends.entries()) {
      if (end.status === "fulfilled") continue;
      const error: unknown = end.reason;
      // A file that has gone says nothing of its disk.
      if (error instanceof MemberLost) this.#states[index] = error.found;
      else if (isDiskError(error)) this.#members[index]!.health.failed(error);
    }
  }
}
