import type { ChunkRef } from "../../format/chunk-ref.ts";
import type { MemberState } from "../../format/extent-row.ts";
import { extentHeaderBytes, recordAlignment } from "../../format/limits.ts";
import type { RecordIdentity } from "../../format/record.ts";
import { encodeRecordHeader } from "../../format/record.ts";
import type { Hash } from "../../platform/hash.ts";
import type { ExtentMember } from "../extent-member.ts";
import { MemberLost } from "../extent-member.ts";
import type { ExtentEntry } from "../extent-table.ts";

/** A record on its way into an extent; where it will lie is not known yet. */
export interface StagedRecord {
  readonly identity: RecordIdentity;
  readonly payload: Uint8Array;
  readonly blockChecksums: readonly number[];
  /** Header, payload and padding. */
  readonly bytes: number;
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
  readonly #members: readonly ExtentMember[];
  #length = extentHeaderBytes;
  #memberState: MemberState = "whole";

  constructor(options: {
    readonly hash: Hash;
    readonly entry: ExtentEntry;
    readonly members: readonly ExtentMember[];
    /** On the monotonic clock. */
    readonly openedMs: number;
  }) {
    this.entry = options.entry;
    this.openedMs = options.openedMs;
    this.#hash = options.hash;
    this.#members = options.members;
  }

  /** Up to the end of the last synced record. */
  get length(): number {
    return this.#length;
  }

  get isEmpty(): boolean {
    return this.#length === extentHeaderBytes;
  }

  /** The state of the file that an append, or a look, found. */
  get memberState(): MemberState {
    return this.#memberState;
  }

  /** True if the file still stands at its path; not to be asked while an append is under way. */
  async isInPlace(): Promise<boolean> {
    for (const member of this.#members) {
      if (!(await member.isInPlace())) this.#memberState = "missing";
    }
    return this.#memberState === "whole";
  }

  /**
   * Resolves when the records are durable. DiskError, `missing` where the file is no longer at its
   * path; StoreError `fenced` where others sealed the extent.
   */
  async append(records: readonly StagedRecord[]): Promise<ChunkRef[]> {
    const parts: Uint8Array[] = [];
    const refs: ChunkRef[] = [];
    let end = this.#length;
    for (const record of records) {
      refs.push(this.#encode(record, end, parts));
      end += record.bytes;
    }
    try {
      await this.#appendParts(parts);
    } catch (error) {
      if (error instanceof MemberLost) this.#memberState = error.found;
      throw error;
    }
    this.#length = end;
    return refs;
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.close()));
  }

  #encode(record: StagedRecord, offset: number, parts: Uint8Array[]): ChunkRef {
    const { identity, payload, blockChecksums } = record;
    const extent = this.entry.id;
    const place = { extent, offset, session: this.entry.row.session };
    const header = encodeRecordHeader(this.#hash, identity, place, {
      bytes: payload.length,
      blockChecksums,
    });
    parts.push(header.bytes, payload);
    const padding = record.bytes - header.bytes.length - payload.length;
    if (padding > 0) parts.push(zeros.subarray(0, padding));
    return { extent, offset, length: payload.length, checksum: header.checksum };
  }

  /** One member for now: all of them are the quorum. */
  #appendParts(parts: readonly Uint8Array[]): Promise<unknown> {
    const { epoch } = this.entry.row;
    const appends = this.#members.map((member) => member.append(epoch, this.#length, parts));
    return appends.length === 1 ? appends[0]! : Promise.all(appends);
  }
}
