import { assert } from "../../base/assert.ts";
import { BatchLoop } from "../../base/batch-loop.ts";
import { isStoreError, type StoreError } from "../../base/errors.ts";
import type { ChunkRef } from "../../format/chunk-ref.ts";
import type { ExtentClass } from "../../format/extent-row.ts";
import type { ExtentId } from "../../format/ids.ts";
import type { Clock } from "../../platform/platform.ts";
import { DiskError, isDiskError } from "../../platform/disk.ts";
import type { DiskHealth } from "../disk/disk-health.ts";
import type { ExtentLedger } from "./extent-ledger.ts";
import { lateMsMax } from "./member-appender.ts";
import type { OpenExtent } from "./open-extent.ts";
import { letGo, type StagedRecord } from "./staged-record.ts";

/**
 * @limit Records in one write and sync: past that a batch gains nothing, and the first ones wait
 * long.
 */
const batchRecordsMax = 1024;
/**
 * @limit The batches of a pair of lanes together, and so what a process may be writing to a disk
 * for one extent class: four full chunks, about 10 ms of a disk that writes 1.6 GB/s.
 */
export const batchBytesMax = 16 * 1024 * 1024;

/** @limit 4,096 waiting records are half a second of small ones on a slow disk (8,000/s) … */
export const laneRecordsMax = 4096;
/**
 * @limit … and 128 MiB a quarter of one of large ones. The bytes are the callers'; the queue holds
 * no copy.
 */
export const laneBytesMax = 128 * 1024 * 1024;

export interface PendingRecord extends StagedRecord {
  readonly extentClass: ExtentClass;
  readonly resolve: (ref: ChunkRef) => void;
  readonly reject: (error: unknown) => void;
  /** How often a lane gave it back. */
  failures: number;
}

/** Fails the record, whose payload is needed by nobody but the members that are writing it. */
export function failRecord(record: PendingRecord, error: unknown): void {
  record.reject(error);
  letGo([record]);
}

/** What the lanes use of their writer. */
export interface LaneOwner {
  readonly clock: Clock;
  /** The disks that are there. */
  readonly disks: () => readonly DiskHealth[];
  /** True if members of its extents may be on the disk. */
  readonly isUsable: (health: DiskHealth) => boolean;
  /** How many members a new extent of the lane would have now. */
  readonly membersNow: () => number;
  readonly ledger: ExtentLedger;
  /** A new extent. The disks that are asked something for it are in the set until they answer. */
  readonly openExtent: (asked: Set<DiskHealth>) => Promise<OpenExtent>;
  readonly extentBytes: number;
  /** Bytes of one batch, though a single larger record is taken. */
  readonly batchBytes: number;
  /** The lane could not take these: others may, or they fail with this. */
  readonly giveBack: (records: readonly PendingRecord[], error: unknown) => void;
  readonly fenced: (error: StoreError) => void;
  readonly appended: (records: number, bytes: number) => void;
  /** Called with the disk of a member that did not follow the others. */
  readonly leftBehind: (health: DiskHealth) => void;
  /** Called if records synced into the extent are missing, or damaged, on some of its members. */
  readonly lost: (extent: OpenExtent) => void;
}

/** A queue and an open extent; a batch loop carries the one into the other. */
export class AppendLane {
  readonly #owner: LaneOwner;
  #queue: PendingRecord[] = [];
  #queuedBytes = 0;
  /**
   * Being written; empty again once the disk answered, or they were taken away because it does not.
   */
  #batch: readonly PendingRecord[] = [];
  #batchBytes = 0;
  #extent: OpenExtent | undefined;
  #sealRequested = false;
  #lookRequested = false;
  #workingSinceMs: number | undefined;
  /** Disks that were asked something and have not answered, apart from appends. */
  readonly #asked = new Set<DiskHealth>();
  /** Extents that members are still writing to, which were left behind. */
  readonly #leaving = new Set<OpenExtent>();
  readonly #loop: BatchLoop;

  constructor(owner: LaneOwner) {
    this.#owner = owner;
    this.#loop = new BatchLoop({
      turn: () => owner.clock.turn(),
      carryOut: () => this.#carryOut(),
      hasWork: () => this.#queue.length > 0 || this.#sealRequested || this.#lookRequested,
    });
  }

  /** True where an extent can be opened. */
  get isWritable(): boolean {
    return this.#owner.disks().some(this.#owner.isUsable);
  }

  /** True once nothing is under way any more. */
  get hasEnded(): boolean {
    return this.#loop.isIdle && this.#leaving.size === 0;
  }

  /** The disks that it asked something which is not answered yet. */
  get unansweredDisks(): ReadonlySet<DiskHealth> {
    const unanswered = new Set([...this.#asked, ...(this.#extent?.unansweredDisks ?? [])]);
    for (const extent of this.#leaving) {
      for (const health of extent.unansweredDisks) unanswered.add(health);
    }
    return unanswered;
  }

  /** The disks that it waits for so long, or that it does not wait for any more. */
  hungDisks(answerMsMax: number): Iterable<DiskHealth> {
    if (this.workingForMs > answerMsMax) return this.unansweredDisks;
    return [...this.#leaving].flatMap((extent) => extent.unansweredDisks);
  }

  /** How long the disks have been at the present batch. */
  get workingForMs(): number {
    if (this.#workingSinceMs === undefined) return 0;
    return this.#owner.clock.monotonicMs() - this.#workingSinceMs;
  }

  /** Bytes that a new append has to wait for. */
  get bytesAhead(): number {
    return this.#queuedBytes + this.#batchBytes;
  }

  hasSpace(bytes: number): boolean {
    // holds: C6 lane-is-limited
    return this.#queue.length < laneRecordsMax && this.bytesAhead + bytes <= laneBytesMax;
  }

  enqueue(record: PendingRecord): void {
    this.#queue.push(record);
    this.#queuedBytes += record.bytes;
    this.#loop.wake();
  }

  /**
   * Seals the open extent, at the next moment nothing is being written, if it was opened before and
   * holds something, or if it is to be left, since others have more members or better disks now.
   */
  sealIfDue(openedBeforeMs: number): void {
    const extent = this.#extent;
    if (extent === undefined) return;
    const isOld = !extent.isEmpty && extent.openedMs <= openedBeforeMs;
    const { isUsable, membersNow } = this.#owner;
    const isNarrow = extent.disks.length < membersNow();
    const isUnfit = extent.isToBeLeft || isNarrow || !extent.disks.every(isUsable);
    if (!isOld && !(isUnfit && this.isWritable)) return;
    this.#sealRequested = true;
    this.#loop.wake();
  }

  /**
   * Looks, at the next moment nothing is being written, whether the open extent's files are still
   * in place.
   */
  look(): void {
    if (this.#extent === undefined) return;
    this.#lookRequested = true;
    this.#loop.wake();
  }

  /** True if the extent being written here has a member on the disk. */
  isOpenOn(health: DiskHealth): boolean {
    return this.#extent?.disks.includes(health) === true;
  }

  /** The extent being written here, if it is this one. */
  openExtentOf(extent: ExtentId): OpenExtent | undefined {
    return this.#extent?.entry.id === extent ? this.#extent : undefined;
  }

  /**
   * Disks do not answer: they stop, and what waits for them is handed back to the owner. The lane
   * is not used any more; its extent ends before the batch that was under way.
   */
  abandonWork(error: DiskError): void {
    for (const health of this.unansweredDisks) health.failed(error);
    const records = this.#takeAll();
    const extent = this.#takeExtent();
    if (extent !== undefined) void this.#close(extent);
    this.#giveBack(records, error);
  }

  /** Waits until all that was queued is done, and seals. */
  async finish(): Promise<void> {
    this.#sealRequested = true;
    this.#loop.wake();
    await this.#loop.idle();
  }

  async #carryOut(): Promise<void> {
    const claims: (() => void)[] = [];
    try {
      if (this.#sealRequested || this.#lookRequested) {
        await this.#attend();
        return;
      }
      this.#workingSinceMs = this.#owner.clock.monotonicMs();
      if (this.#extent?.isToBeLeft === true && this.isWritable) return await this.#leaveIfNeeded();
      const extent = (this.#extent ??= await this.#owner.openExtent(this.#asked));
      const followed = extent.whenFollowed();
      if (followed !== undefined) return await followed;
      const batch = this.#takeBatch(extent);
      if (batch.length === 0) {
        this.#sealRequested = this.#queue.length > 0;
        return;
      }
      const bytes = extent.memberBytesOf(this.#batchBytes);
      for (const health of extent.disks) {
        claims.push(() => health.claimEnded(bytes));
        const claim = health.claim(bytes);
        if (claim !== undefined) await this.#answerOf(health, claim, extent.disks.length === 1);
      }
      // Taken away while the disks were looked at: it is written elsewhere.
      if (this.#batch !== batch) return;
      const refs = await extent.append(batch);
      // Taken away meanwhile, because it took so long, and written elsewhere.
      if (this.#batch !== batch) return;
      if (extent.fencedBy !== undefined) throw extent.fencedBy;
      this.#handOut(refs);
    } catch (error) {
      await this.#fail(error);
    } finally {
      for (const end of claims) end();
      this.#workingSinceMs = undefined;
    }
  }

  /** Does what was asked for apart from appends. */
  async #attend(): Promise<void> {
    if (this.#sealRequested) {
      this.#sealRequested = false;
      await this.#leaveExtent();
      return;
    }
    this.#lookRequested = false;
    if ((await this.#extent?.isInPlace()) === false) await this.#leaveExtent();
  }

  /** Leaves the extent that not all of its members follow, since others can. */
  async #leaveIfNeeded(): Promise<void> {
    // Where this process stood still, the answer of a member that seems to be late may have come.
    await this.#owner.clock.turn();
    if (this.#extent?.isToBeLeft === true) await this.#leaveExtent();
  }

  /** What a disk is asked beside the others must not hold them up: it is left alone then. */
  async #answerOf(health: DiskHealth, answer: Promise<void>, isAlone: boolean): Promise<void> {
    const { clock, leftBehind } = this.#owner;
    this.#asked.add(health);
    const answered = answer.finally(() => this.#asked.delete(health));
    if (isAlone) return answered;
    const late = new AbortController();
    await Promise.race([answered, clock.sleep(lateMsMax, late.signal)]);
    late.abort();
    if (!this.#asked.has(health)) return answered;
    answered.catch(() => undefined); // its health knows
    leftBehind(health);
    throw new DiskError("io", `${health.place.disk.name} did not say in time what is free`);
  }

  #handOut(refs: readonly ChunkRef[]): void {
    const batch = this.#batch;
    const bytes = this.#batchBytes;
    this.#setBatch([]);
    this.#owner.ledger.handedOut(refs);
    this.#owner.appended(batch.length, bytes);
    for (const [index, record] of batch.entries()) record.resolve(refs[index]!);
    letGo(batch);
  }

  /** Takes as many records as one write may carry and as fit into the extent. */
  #takeBatch(extent: OpenExtent): readonly PendingRecord[] {
    let count = 0;
    let bytes = 0;
    for (const record of this.#queue) {
      const together = bytes + record.bytes;
      if (count === batchRecordsMax || (count > 0 && together > this.#owner.batchBytes)) break;
      // An empty extent takes any record: one larger than an extent must go somewhere.
      const isFirst = extent.isEmpty && count === 0;
      if (!isFirst && extent.lengthWith(together) > this.#owner.extentBytes) break;
      count++;
      bytes = together;
    }
    const batch = this.#queue.splice(0, count);
    this.#queuedBytes -= bytes;
    this.#setBatch(batch);
    return batch;
  }

  #setBatch(batch: readonly PendingRecord[]): void {
    this.#batch = batch;
    this.#batchBytes = bytesOf(batch);
  }

  async #fail(error: unknown): Promise<void> {
    const { ledger, fenced } = this.#owner;
    if (isStoreError(error, "fenced")) {
      if (this.#extent !== undefined) ledger.forget(this.#extent.entry.id);
      fenced(error);
    }
    // A disk that failed once may be well: it is tried at once, so that nobody has to wait for
    // the next look at it.
    if (isDiskError(error)) await this.#check(this.#owner.disks().filter(mayBeWell));
    // Where a disk is well the queue need not move. Without a batch it was the opening of an
    // extent that failed: then nothing in the queue could go on.
    const stays = this.isWritable && isDiskError(error) && this.#batch.length > 0;
    this.#giveBack(stays ? this.#takeBatchBack() : this.#takeAll(), error);
    await this.#leaveExtent();
  }

  /** Looks at disks, but waits for none of them long. */
  async #check(disks: readonly DiskHealth[]): Promise<void> {
    if (disks.length === 0) return;
    const done = new AbortController();
    const checks = Promise.all(disks.map((health) => health.check()));
    await Promise.race([checks, this.#owner.clock.sleep(lateMsMax, done.signal)]);
    done.abort();
  }

  #giveBack(records: readonly PendingRecord[], error: unknown): void {
    if (records.length > 0) this.#owner.giveBack(records, error);
  }

  #takeBatchBack(): readonly PendingRecord[] {
    const batch = this.#batch;
    this.#setBatch([]);
    return batch;
  }

  #takeAll(): readonly PendingRecord[] {
    const records = [...this.#takeBatchBack(), ...this.#queue];
    this.#queue = [];
    this.#queuedBytes = 0;
    return records;
  }

  /**
   * Whatever was written behind the last record that a quorum has counts as gone: the extent ends
   * there, and a new one is opened.
   */
  async #leaveExtent(): Promise<void> {
    const extent = this.#takeExtent();
    if (extent === undefined) return;
    for (const health of extent.leaveLateBehind()) this.#owner.leftBehind(health);
    const closed = this.#close(extent);
    // Members that were left behind are closed when they have ended their write.
    if (extent.unansweredDisks.length === 0) await closed;
  }

  /** The extent is appended to no more. */
  #takeExtent(): OpenExtent | undefined {
    const extent = this.#extent;
    this.#extent = undefined;
    extent?.end();
    return extent;
  }

  async #close(extent: OpenExtent): Promise<void> {
    const { ledger, lost } = this.#owner;
    if (extent.lostMembers.length > 0) {
      // Whether a file or its whole directory has gone shows here.
      await this.#check(extent.lostMembers.map(({ health }) => health));
      extent.forgetLossesOfAbsentDisks();
      if (extent.lostMembers.length > 0 && !extent.isEmpty) lost(extent);
    }
    ledger.closed(extent.entry.id, extent);
    this.#leaving.add(extent);
    try {
      await extent.close();
    } catch (error) {
      // All that counts was synced.
      assert(isDiskError(error), "closing a file failed for another reason than its disk");
    } finally {
      this.#leaving.delete(extent);
    }
  }
}

/** A disk that is full or can't be written stays so until somebody mends it. */
function mayBeWell({ state }: DiskHealth): boolean {
  return state.kind === "io" || state.kind === "no_answer" || state.kind === "missing";
}

function bytesOf(records: readonly StagedRecord[]): number {
  let bytes = 0;
  for (const record of records) bytes += record.bytes;
  return bytes;
}
