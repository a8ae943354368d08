import { assert } from "../../base/assert.ts";
import { BatchLoop } from "../../base/batch-loop.ts";
import { isStoreError, type StoreError } from "../../base/errors.ts";
import type { ChunkRef } from "../../format/chunk-ref.ts";
import type { MemberState } from "../../format/extent-row.ts";
import type { ExtentId } from "../../format/ids.ts";
import type { Clock } from "../../platform/platform.ts";
import type { DiskError } from "../../platform/disk.ts";
import { isDiskError } from "../../platform/disk.ts";
import type { DiskHealth } from "../disk/disk-health.ts";
import type { ExtentLedger } from "./extent-ledger.ts";
import type { OpenExtent, StagedRecord } from "./open-extent.ts";

/**
 * @limit Records in one write and sync: past that a batch gains nothing, and the first ones wait
 * long.
 */
const batchRecordsMax = 1024;
/**
 * @limit The batches of all lanes of a disk together, and so what a process may be writing to it:
 * four full chunks, about 10 ms of a disk that writes 1.6 GB/s.
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
  readonly resolve: (ref: ChunkRef) => void;
  readonly reject: (error: unknown) => void;
  /** How often a lane gave it back. */
  failures: number;
}

/** What the lanes use of their writer. */
export interface LaneOwner {
  readonly clock: Clock;
  /** Where the members of its extents are, one on each. */
  readonly disks: readonly DiskHealth[];
  readonly ledger: ExtentLedger;
  /** A new extent on this lane's disks. */
  readonly openExtent: () => Promise<OpenExtent>;
  readonly extentBytes: number;
  /** Bytes of one batch, though a single larger record is taken. */
  readonly batchBytes: number;
  /** The lane could not take these: others may, or they fail with this. */
  readonly giveBack: (records: readonly PendingRecord[], error: unknown) => void;
  readonly fenced: (error: StoreError) => void;
  readonly appended: (records: number, bytes: number) => void;
  /** Called if records synced into the extent are missing or not as they were written. */
  readonly lost: (extent: ExtentId, memberStates: readonly MemberState[]) => void;
}

/** The queue of its disks and their open extent; a batch loop carries the one into the other. */
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
  readonly #loop: BatchLoop;

  constructor(owner: LaneOwner) {
    this.#owner = owner;
    this.#loop = new BatchLoop({
      turn: () => owner.clock.turn(),
      carryOut: () => this.#carryOut(),
      hasWork: () => this.#queue.length > 0 || this.#sealRequested || this.#lookRequested,
    });
  }

  get disks(): readonly DiskHealth[] {
    return this.#owner.disks;
  }

  /** An extent is written to all of its members or not at all. */
  get isWritable(): boolean {
    return this.#owner.disks.every((health) => health.isWritable);
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
   * holds something.
   */
  sealOpenedBefore(monotonicMs: number): void {
    const extent = this.#extent;
    if (extent === undefined || extent.isEmpty || extent.openedMs > monotonicMs) return;
    this.#sealRequested = true;
    this.#loop.wake();
  }

  /**
   * Looks, at the next moment nothing is being written, whether the open extent's file is still in
   * place.
   */
  look(): void {
    if (this.#extent === undefined) return;
    this.#lookRequested = true;
    this.#loop.wake();
  }

  /** The extent being written here, if it is this one. */
  openExtentOf(extent: ExtentId): OpenExtent | undefined {
    return this.#extent?.entry.id === extent ? this.#extent : undefined;
  }

  /** A disk does not answer: it stops, and what waits for it is handed back to the owner. */
  abandonWork(error: DiskError): void {
    const unanswered = this.#extent?.unansweredDisks ?? [];
    const late = unanswered.length > 0 ? unanswered : this.#owner.disks;
    for (const health of late) health.failed(error);
    this.#giveBack(this.#takeAll(), error);
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
      const extent = (this.#extent ??= await this.#owner.openExtent());
      const batch = this.#takeBatch(extent);
      if (batch.length === 0) {
        this.#sealRequested = this.#queue.length > 0;
        return;
      }
      const bytes = this.#batchBytes;
      for (const health of this.#owner.disks) {
        claims.push(() => health.claimEnded(bytes));
        const claim = health.claim(bytes);
        if (claim !== undefined) await claim;
      }
      // Taken away while the disk was looked at: it is written elsewhere.
      if (this.#batch !== batch) return;
      const { length } = extent;
      const refs = await extent.append(batch);
      // Taken away meanwhile, because it took so long, and written elsewhere. Its callers have used
      // the memory of their payloads again, so what stands there now may be anything: the extent
      // ends before it.
      if (this.#batch === batch) this.#handOut(refs);
      else await this.#leaveExtent({ length });
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
    if ((await this.#extent?.isInPlace()) === false) await this.#leaveLost();
  }

  #handOut(refs: readonly ChunkRef[]): void {
    const batch = this.#batch;
    const bytes = this.#batchBytes;
    this.#setBatch([]);
    this.#owner.ledger.handedOut(refs);
    this.#owner.appended(batch.length, bytes);
    for (const [index, record] of batch.entries()) record.resolve(refs[index]!);
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
      if (!isFirst && extent.length + together > this.#owner.extentBytes) break;
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
    const { disks, ledger, fenced } = this.#owner;
    if (isStoreError(error, "fenced")) {
      if (this.#extent !== undefined) ledger.forget(this.#extent.entry.id);
      fenced(error);
    }
    const isLost = this.#extent?.isLost === true;
    // A disk that failed once may be well: it is tried at once, so that nobody has to wait for
    // the next look at it.
    if (isDiskError(error) && (error.kind === "io" || error.kind === "missing")) {
      await Promise.all(disks.map((health) => health.check()));
    }
    // Where the disks are well again the queue need not move. Without a batch it was the
    // opening of an extent that failed: then nothing in the queue could go on.
    const stays = this.isWritable && isDiskError(error) && this.#batch.length > 0;
    this.#giveBack(stays ? this.#takeBatchBack() : this.#takeAll(), error);
    if (isLost) await this.#leaveLost();
    else await this.#leaveExtent();
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

  async #leaveLost(): Promise<void> {
    const { disks, lost } = this.#owner;
    // Whether a file or its whole directory has gone shows here.
    await Promise.all(disks.map((health) => health.check()));
    const extent = this.#extent;
    const found = extent?.memberStates ?? [];
    const isNothingLost =
      extent === undefined || extent.isEmpty || found.every((state) => state === "whole");
    if (isNothingLost) return this.#leaveExtent();
    lost(extent.entry.id, found);
    return this.#leaveExtent({ found });
  }

  /**
   * Whatever was written behind the last sync counts as gone: the extent ends there, and a new one
   * is opened.
   */
  async #leaveExtent({
    found,
    length,
  }: {
    readonly found?: readonly MemberState[];
    readonly length?: number;
  } = {}): Promise<void> {
    const extent = this.#extent;
    if (extent === undefined) return;
    this.#extent = undefined;
    this.#owner.ledger.closed(extent.entry.id, length ?? extent.length, found);
    try {
      await extent.close();
    } catch (error) {
      // All that counts was synced.
      assert(isDiskError(error), "closing a file failed for another reason than its disk");
    }
  }
}

function bytesOf(records: readonly StagedRecord[]): number {
  let bytes = 0;
  for (const record of records) bytes += record.bytes;
  return bytes;
}
