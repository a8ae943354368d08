import { must } from "../../base/assert.ts";
import { isStoreError, type StoreError } from "../../base/errors.ts";
import type { MemberState } from "../../format/extent-row.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { Ready } from "../../base/ready.ts";
import { DiskError, isDiskError } from "../../platform/disk.ts";
import type { DiskHealth } from "../disk/disk-health.ts";
import type { ExtentMember } from "../extent-member.ts";
import { MemberLost } from "../extent-member.ts";
import { type Held, letGo } from "./staged-record.ts";

/**
 * @limit A member that ends an append this long after the quorum did is left behind. On a busy
 * machine a sync of a healthy disk takes some hundred milliseconds, and each lateness ends an
 * extent: so it is a few times as much, and still a pause that a client bears.
 */
export const lateMsMax = 1000;
/**
 * @limit What may wait for a member, and stays in memory for it. Past it the others wait for that
 * member, until it is late: two of the largest batches, or what a shard gets of them.
 */
export const behindBytesMax = 24 * 1024 * 1024;
/** @limit What waited for a member is written to it at once up to this: one of the largest batches. */
const caughtUpBytesMax = 12 * 1024 * 1024;

/** What is written to a member at once. */
export interface Batch {
  /** What the member needs until it has written this. */
  readonly held: readonly Held[];
  readonly vectors: readonly Uint8Array[];
  readonly offset: number;
  readonly end: number;
  /** When a quorum of members had it, on the monotonic clock; undefined before. */
  quorumMs: number | undefined;
}

interface WaitingBatch {
  readonly batch: Batch;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One member of an open extent. What is appended to it goes in order, one write at a time: so what
 * it holds is always a beginning of the extent and, behind that, at most one write whose end is not
 * known. A write that failed is not tried again; nothing follows it.
 */
export class MemberAppender {
  readonly health: DiskHealth;
  readonly #member: ExtentMember;
  readonly #epoch: number;
  readonly #share: number;
  #durableLength = extentHeaderBytes;
  #found: MemberState = "whole";
  #failure: { readonly error: unknown } | undefined;
  #waiting: WaitingBatch[] = [];
  #writing: readonly Batch[] = [];
  /** Resolves at the end of the write under way, if somebody waits for that. */
  #end: PromiseWithResolvers<void> | undefined;

  constructor(options: {
    readonly member: ExtentMember;
    readonly health: DiskHealth;
    readonly epoch: number;
    /** It writes so many times less than is appended to the extent. */
    readonly share: number;
  }) {
    this.health = options.health;
    this.#member = options.member;
    this.#epoch = options.epoch;
    this.#share = options.share;
  }

  /** Up to here everything was durable on it at some time. */
  get durableLength(): number {
    return this.#durableLength;
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** The failure by which it shows that others sealed the extent. */
  get fencedBy(): StoreError | undefined {
    const error = this.#failure?.error;
    return isStoreError(error, "fenced") ? error : undefined;
  }

  get isWriting(): boolean {
    return this.#writing.length > 0;
  }

  /** True if the others wait for it before more is appended. */
  get isCrowded(): boolean {
    let bytes = 0;
    for (const { batch } of this.#waiting) bytes += batch.end - batch.offset;
    return bytes * this.#share > behindBytesMax;
  }

  /** What appends and looks found of its file: not `whole` where it was removed or spoiled. */
  get found(): MemberState {
    return this.#found;
  }

  /** True if the quorum ended a batch so long ago that this member has not ended yet. */
  isLate(nowMs: number): boolean {
    const oldest = this.#writing[0] ?? this.#waiting[0]?.batch;
    return oldest?.quorumMs !== undefined && nowMs - oldest.quorumMs > lateMsMax;
  }

  /** The state of the member where it should hold all up to this length. */
  stateAt(length: number): MemberState {
    if (this.#found !== "whole") return this.#found;
    // holds: C1 short-member-is-behind
    return this.#durableLength >= length ? "whole" : "behind";
  }

  /** Called where the whole data directory is not there: its files may come back with it. */
  forgetLoss(): void {
    this.#found = "whole";
  }

  /** Looks if its file still stands at its path; not to be called while it is written. */
  isInPlace(): Ready<boolean> {
    const found = this.#member.isInPlace();
    return found instanceof Promise
      ? found.then((is) => this.#noteLook(is))
      : this.#noteLook(found);
  }

  /** Appends when what was handed over before has ended; the batch is let go of in the end. */
  append(batch: Batch): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ batch, resolve, reject });
    if (this.#failure !== undefined) this.#refuseWaiting(this.#failure.error);
    // holds: C1 one-write-at-a-time
    else if (!this.isWriting) void this.#writeWaiting();
    return promise;
  }

  /** Writes without waiting for its turn; the caller calls `ended`. */
  write(batches: readonly Batch[]): Promise<void> {
    this.#writing = batches;
    const first = must(batches[0], "there is something to write");
    const vectors = batches.length === 1 ? first.vectors : batches.flatMap((one) => one.vectors);
    return this.#member.append(this.#epoch, first.offset, vectors);
  }

  ended(batches: readonly Batch[], failure?: { readonly error: unknown }): void {
    this.#writing = [];
    if (failure === undefined) this.#durableLength = must(batches.at(-1), "not empty").end;
    else this.#fail(failure.error);
    for (const { held } of batches) letGo(held);
    this.#end?.resolve();
    this.#end = undefined;
  }

  /** Resolves when the write under way has ended. */
  writeEnded(): Promise<void> {
    if (!this.isWriting) return Promise.resolve();
    this.#end ??= Promise.withResolvers();
    return this.#end.promise;
  }

  /** What waits for it and lies behind this end is not written to it any more: it counts as gone. */
  dropBehind(end: number): void {
    const dropped = this.#waiting.filter(({ batch }) => batch.offset >= end);
    this.#waiting = this.#waiting.filter(({ batch }) => batch.offset < end);
    refuse(dropped, new DiskError("io", "its extent ended before this was written"));
  }

  /** What waits for it is not written to it any more. */
  leaveBehind(): void {
    this.#stop(new DiskError("io", `${this.health.place.disk.name} was left behind`));
  }

  /** Closes its file once it is not written any more. */
  async close(): Promise<void> {
    while (this.isWriting) await this.writeEnded();
    await this.#member.close();
  }

  async #writeWaiting(): Promise<void> {
    for (let taken = this.#takeWaiting(); taken.length > 0; taken = this.#takeWaiting()) {
      const batches = taken.map(({ batch }) => batch);
      try {
        await this.write(batches);
        this.ended(batches);
        for (const { resolve } of taken) resolve();
      } catch (error) {
        this.ended(batches, { error });
        for (const { reject } of taken) reject(error);
      }
    }
  }

  /**
   * Takes as much as one write may carry: so a member that was slow catches up. One write only
   * carries batches that follow each other.
   */
  #takeWaiting(): readonly WaitingBatch[] {
    let count = 0;
    let bytes = 0;
    let end = this.#waiting[0]?.batch.offset;
    for (const { batch } of this.#waiting) {
      // holds: C1 each-batch-at-its-offset
      if (batch.offset !== end) break;
      end = batch.end;
      bytes += batch.end - batch.offset;
      if (count > 0 && bytes * this.#share > caughtUpBytesMax) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  #noteLook(isInPlace: boolean): boolean {
    if (!isInPlace) this.#found = "missing";
    return isInPlace;
  }

  /** The failure of a disk is passed to its health; a file that has gone says nothing of it. */
  #fail(error: unknown): void {
    if (error instanceof MemberLost) this.#found = error.found;
    else if (isDiskError(error)) this.health.failed(error);
    this.#stop(error);
  }

  #stop(error: unknown): void {
    this.#failure ??= { error };
    this.#refuseWaiting(error);
  }

  #refuseWaiting(error: unknown): void {
    refuse(this.#waiting.splice(0), error);
  }
}

function refuse(waiting: readonly WaitingBatch[], error: unknown): void {
  for (const { batch, reject } of waiting) {
    letGo(batch.held);
    reject(error);
  }
}
