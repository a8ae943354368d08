import type { StoreError } from "../../base/errors.ts";
import { must } from "../../base/assert.ts";
import { quorumOf } from "../../base/quorum.ts";
import type { ChunkRef } from "../../format/chunk-ref.ts";
import type { MemberState } from "../../format/extent-row.ts";
import { extentHeaderBytes, recordAlignment } from "../../format/limits.ts";
import { encodeRecordHeader } from "../../format/record.ts";
import type { Platform } from "../../platform/platform.ts";
import { DiskError } from "../../platform/disk.ts";
import type { DiskHealth } from "../disk/disk-health.ts";
import type { ExtentMember } from "../extent-member.ts";
import type { ExtentEntry } from "../extent-table.ts";
import { type Batch, lateMsMax, MemberAppender } from "./member-appender.ts";
import type { Distribution } from "./distribution.ts";
import { letGo, type StagedRecord } from "./staged-record.ts";

/** A member while it is written. */
export interface OpenMember {
  readonly member: ExtentMember;
  readonly health: DiskHealth;
}

/** What is appended to the members at the end of the extent. */
interface Ending {
  readonly tableChecksums: readonly number[];
  /** Those members that have it durably are true, in the order of the row. */
  readonly isDurable: readonly boolean[];
}

const zeros = new Uint8Array(recordAlignment);

/**
 * The writer's end of an open extent: each append is one vectored write and one sync on every
 * member, and is done when a quorum of them is. Members that are slower follow within limits. One
 * that fails, or is late, is left behind: then the extent is to be left, at its `length`, and it is
 * made whole again when it is sealed. After an append that failed nothing must be appended either:
 * what no quorum has counts as gone.
 */
export class OpenExtent {
  readonly entry: ExtentEntry;
  readonly openedMs: number;
  readonly #platform: Pick<Platform, "hash" | "clock">;
  readonly #members: readonly MemberAppender[];
  readonly #distribution: Distribution;
  #length = extentHeaderBytes;
  #isClosed = false;
  #hasEnded = false;
  #ending: Ending | undefined;

  constructor(options: {
    readonly platform: Pick<Platform, "hash" | "clock">;
    readonly entry: ExtentEntry;
    readonly members: readonly OpenMember[];
    readonly distribution: Distribution;
  }) {
    const { entry, platform, distribution } = options;
    this.entry = entry;
    this.openedMs = platform.clock.monotonicMs();
    this.#platform = platform;
    const { epoch } = entry.row;
    const share = distribution.needed;
    this.#members = options.members.map(
      (member) => new MemberAppender({ ...member, epoch, share }),
    );
    this.#distribution = distribution;
  }

  /** Length up to the end of the last record that a quorum has. */
  get length(): number {
    return this.#length;
  }

  /** Where it ends after so many bytes were appended to it. */
  lengthWith(bytes: number): number {
    return this.#distribution.endOf(this.#length, bytes);
  }

  /** What each member writes of so many bytes that are appended. */
  memberBytesOf(bytes: number): number {
    return (
      this.#distribution.memberEnd(this.lengthWith(bytes)) -
      this.#distribution.memberEnd(this.#length)
    );
  }

  get isEmpty(): boolean {
    return this.#length === extentHeaderBytes;
  }

  /** Where its members are, in the order of its row. */
  get disks(): readonly DiskHealth[] {
    return this.#members.map(({ health }) => health);
  }

  /** True where a member failed or is late, or its disk takes no writes any more. */
  get isToBeLeft(): boolean {
    for (const { hasFailed, health } of this.#members) {
      if (hasFailed || !health.isWritable) return true;
    }
    return this.#members.length > 1 && this.#hasLateMember();
  }

  /** The failure by which a member shows that others sealed the extent. */
  get fencedBy(): StoreError | undefined {
    for (const { fencedBy } of this.#members) if (fencedBy !== undefined) return fencedBy;
    return undefined;
  }

  /**
   * The states of its members, in the order of its row, if it ends at its present length; undefined
   * while one that is slower than the others may still catch up, or fewer are whole than are needed
   * to read the extent.
   */
  get memberStates(): readonly MemberState[] | undefined {
    if (this.isEmpty) return this.#members.map(() => "whole");
    const end = this.#distribution.memberEnd(this.#length);
    const nowMs = this.#platform.clock.monotonicMs();
    for (const [index, member] of this.#members.entries()) {
      const isDone = this.#ending?.isDurable[index] ?? member.durableLength >= end;
      if (member.hasFailed || isDone) continue;
      if (!member.isLate(nowMs)) return undefined;
      member.leaveBehind();
    }
    const states = this.#members.map((member, index) => {
      const state = member.stateAt(end);
      // holds: C1 shard-without-table-is-behind
      return state === "whole" && this.#ending?.isDurable[index] === false ? "behind" : state;
    });
    const whole = states.filter((state) => state === "whole").length;
    return this.#ending !== undefined && whole < this.#distribution.needed ? undefined : states;
  }

  /** The checksums of its shards' block tables, once it has ended; undefined where it has none. */
  get tableChecksums(): readonly number[] | undefined {
    return this.#ending?.tableChecksums;
  }

  /** The members whose file was removed, replaced or spoiled. */
  get lostMembers(): readonly { readonly health: DiskHealth; readonly found: MemberState }[] {
    return this.#members.filter(({ found }) => found !== "whole");
  }

  /** The disks that are writing to it. */
  get unansweredDisks(): readonly DiskHealth[] {
    return this.#members.flatMap((member) => (member.isWriting ? [member.health] : []));
  }

  /**
   * Looks if all files still stand at their paths; those that are being written have been looked at
   * with that. Not to be called while an append is under way. False where it is closed meanwhile.
   */
  async isInPlace(): Promise<boolean> {
    let inPlace = 0;
    for (const member of this.#members) {
      if (this.#isClosed) return false;
      const isThere = member.isWriting ? member.found === "whole" : await member.isInPlace();
      if (isThere) inPlace++;
    }
    return inPlace === this.#members.length;
  }

  /** Where a whole directory is not there, its file is not lost: it may come back with it. */
  forgetLossesOfAbsentDisks(): void {
    for (const member of this.#members) {
      if (member.health.state.kind === "missing") member.forgetLoss();
    }
  }

  /**
   * Resolves when the slower members have followed, or are late; undefined where little waits for
   * them.
   */
  whenFollowed(): Promise<void> | undefined {
    const crowded = this.#members.filter((member) => member.isCrowded);
    return crowded.length === 0 ? undefined : this.#waitFor(crowded);
  }

  /**
   * Resolves when the records are durable on a quorum of members. DiskError, `missing` where a file
   * is no longer at its path; StoreError `fenced` where others sealed the extent. The failure of a
   * disk is passed to its health.
   */
  async append(records: readonly StagedRecord[]): Promise<ChunkRef[]> {
    const vectors: Uint8Array[] = [];
    const refs: ChunkRef[] = [];
    const offset = this.#length;
    let end = offset;
    for (const record of records) {
      refs.push(this.#encode(record, end, vectors));
      end += record.bytes;
    }
    const batched = this.#distribution.batches({ records, vectors, offset, end });
    const batches = batched instanceof Promise ? await batched : batched;
    if (this.#hasEnded) {
      for (const { held } of batches) letGo(held);
      throw new DiskError("io", `extent ${this.entry.id} was left before this was written`);
    }
    if (this.#members.length > 1) await this.#appendToQuorum(batches);
    else {
      const only = must(this.#members[0], "an extent has a member");
      const batch = must(batches[0], "a batch for each member");
      try {
        await only.write([batch]);
        only.ended([batch]);
      } catch (error) {
        only.ended([batch], { error });
        throw error;
      }
    }
    if (!this.#hasEnded) this.#length = this.#distribution.endOf(offset, end - offset);
    return refs;
  }

  /**
   * Its length is final: an append that is under way does not count any more. What the members get
   * at the end of the extent is appended to them.
   */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const last = this.isEmpty ? undefined : this.#distribution.last(this.#length);
    if (last === undefined) return;
    const { batches, tableChecksums } = last;
    const isDurable = batches.map(() => false);
    this.#ending = { tableChecksums, isDurable };
    const end = this.#distribution.memberEnd(this.#length);
    const appends = this.#members.map(async (member, index) => {
      // A batch without a quorum is needed no more. One that is written late is within the gap.
      member.dropBehind(end);
      await member.append(must(batches[index], "a batch for each member"));
      isDurable[index] = true;
    });
    const done = (): void => this.#noteQuorum(batches);
    // Those that have not ended then are late some time after, whatever became of the others.
    quorumOf(appends, this.#distribution.quorum).then(done, done);
  }

  /** Nothing more is written to members that are late; returns their disks. */
  leaveLateBehind(): readonly DiskHealth[] {
    if (this.#members.length === 1) return [];
    const nowMs = this.#platform.clock.monotonicMs();
    const late = this.#members.filter((one) => !one.hasFailed && one.isLate(nowMs));
    for (const member of late) member.leaveBehind();
    return late.map(({ health }) => health);
  }

  /** Closes each file once it is not written any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#members.map((member) => member.close()));
  }

  async #appendToQuorum(batches: readonly Batch[]): Promise<void> {
    const appends = this.#members.map((member, index) =>
      member.append(must(batches[index], "a batch for each member")),
    );
    try {
      // holds: C1 quorum-before-answer
      await quorumOf(appends, this.#distribution.quorum);
    } catch (error) {
      throw this.fencedBy ?? error;
    }
    this.#noteQuorum(batches);
  }

  #noteQuorum(batches: readonly Batch[]): void {
    const nowMs = this.#platform.clock.monotonicMs();
    for (const batch of batches) batch.quorumMs = nowMs;
  }

  async #waitFor(members: readonly MemberAppender[]): Promise<void> {
    const enough = new AbortController();
    const late = this.#platform.clock.sleep(lateMsMax + 1, enough.signal);
    await Promise.race([late, ...members.map((member) => member.writeEnded())]);
    enough.abort();
  }

  #hasLateMember(): boolean {
    const nowMs = this.#platform.clock.monotonicMs();
    return this.#members.some((member) => member.isLate(nowMs));
  }

  #encode(record: StagedRecord, offset: number, vectors: Uint8Array[]): ChunkRef {
    const { identity, payload, blockChecksums } = record;
    const extent = this.entry.id;
    const place = { extent, offset, session: this.entry.row.session };
    const header = encodeRecordHeader(this.#platform.hash, identity, place, {
      bytes: payload.length,
      blockChecksums,
    });
    vectors.push(header.bytes, payload);
    const padding = record.bytes - header.bytes.length - payload.length;
    if (padding > 0) vectors.push(zeros.subarray(0, padding));
    return { extent, offset, length: payload.length, checksum: header.checksum };
  }
}
