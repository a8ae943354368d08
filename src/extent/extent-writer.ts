import { assert } from "../base/assert.ts";
import { StoreError, messageOf } from "../base/errors.ts";
import { SizeCounts } from "../base/size-counts.ts";
import type { ChunkRef } from "../format/chunk-ref.ts";
import type { ExtentId } from "../format/ids.ts";
import { blockBytes, chunkBytesMax, extentBytesMax, extentHeaderBytes } from "../format/limits.ts";
import type { RecordIdentity } from "../format/record.ts";
import { blockChecksums, recordBytes } from "../format/record.ts";
import { DiskError, isDiskError } from "../platform/disk.ts";
import type { Service } from "../platform/platform.ts";
import type { DataDisk } from "./extent-files.ts";
import { examineExtent } from "./extent-examination.ts";
import type { PendingRecord } from "./append/append-lane.ts";
import { AppendLane, batchBytesMax } from "./append/append-lane.ts";
import { codeOfDiskError, onDisk } from "./disk/disk-error-codes.ts";
import type { DiskStatistics, StoppedKind } from "./disk/disk-health.ts";
import { DiskHealth } from "./disk/disk-health.ts";
import { ExtentLedger } from "./append/extent-ledger.ts";
import type { OpenExtent } from "./append/open-extent.ts";
import type { OpeningCounts, OpeningOptions } from "./append/open-new-extent.ts";
import { openNewExtent } from "./append/open-new-extent.ts";

export interface ExtentWriterOptions extends OpeningOptions {
  /** Sealed when it would grow past this (default extentBytesMax) … */
  readonly extentBytes?: number | undefined;
  /** … or when it is this old and holds something (default 5 min). */
  readonly sealAfterMs?: number | undefined;
  /**
   * PUT stops when a data directory has less than this free (default: one extent and 64 MiB of
   * index).
   */
  readonly reserveBytes?: number | undefined;
}

export interface ExtentWriterStatistics {
  readonly records: number;
  readonly syncs: number;
  /** Counts of records per sync, as `SizeCounts` reads them. */
  readonly recordsPerSync: readonly number[];
  readonly bytes: number;
  readonly extentsOpened: number;
  /** Files found where that of a new extent was to be made; each was left as it is. */
  readonly filesInTheWay: number;
  readonly failures: number;
  /** Extents whose file was removed, replaced or spoiled while they were written. */
  readonly extentsLost: number;
  readonly disks: readonly DiskStatistics[];
}

/**
 * Appends records for one session: two open extents in each data directory, one for small records
 * and one for large ones, each with its own group commit. What arrives while a sync runs is written
 * with the next one vectored write and one sync.
 */
export interface ExtentWriter extends Service {
  /**
   * Resolves once the record is synced on its quorum; the payload must not change until then.
   * StoreError `overloaded` (the queues are full: C6), `storage_full`, `read_only`, `io`, `fenced`
   * (the extent was sealed by others).
   */
  append(identity: RecordIdentity, payload: Uint8Array): Promise<ChunkRef>;
  /**
   * Looks whether the files of these chunks, not released yet, still stand at their paths: for what
   * was appended a while before its row is committed. StoreError `io` where one does not.
   */
  assertInPlace(refs: readonly ChunkRef[]): Promise<void>;
  /**
   * The rows for these chunks are committed, or never will be. Until each chunk of a sealed extent
   * is released (and its outcome known), the extent is not settled and nothing in it can die.
   */
  release(refs: readonly ChunkRef[]): void;
  /**
   * Seals by age and marks settled until the signal aborts; then seals what is open and returns.
   */
  run(signal: AbortSignal): Promise<void>;
  statistics(): ExtentWriterStatistics;
}

/**
 * @limit A record is small up to this payload. Small records have a lane of their own, so that they
 * never wait for the write of a large one.
 */
const smallPayloadBytesMax = blockBytes;
/** @limit One batch of small records: some 900 of 4 KiB. Large ones have the rest of a batch. */
const smallBatchBytesMax = 4 * 1024 * 1024;
/**
 * @limit Nothing of an open extent can be reclaimed: a quiet store seals what it wrote within this.
 */
const sealAfterMsDefault = 5 * 60 * 1000;
/** @limit One extent to compact into, and 64 MiB for the index to grow while deleting. */
const reserveBytesDefault = extentBytesMax + 64 * 1024 * 1024;
/** @limit How often ages are looked at and rows of sealed extents committed. */
const tickMs = 1000;
/**
 * @limit How often each disk is looked at: a stopped one goes on this long after its cause has
 * gone.
 */
const checkMs = 3000;
/**
 * @limit A disk that is at one batch (16 MiB at most) for this long does not answer: others take
 * its work.
 */
const answerMsMax = 10_000;
/**
 * @limit A record that three lanes gave back fails: a fourth would hardly take it, and its client
 * waits.
 */
const failuresMax = 3;
/**
 * @limit Sealing at the end is worth a few tries; what they leave open is sealed like that of a
 * dead process.
 */
const finalTriesMax = 3;
/** @limit Time between two of these tries. */
const finalRetryMs = 200;

export function createExtentWriter(options: ExtentWriterOptions): ExtentWriter {
  return new LocalExtentWriter(options);
}

/** What is appended through to one disk, apart by the size of records. */
interface LanesOfDisk {
  readonly small: AppendLane;
  readonly large: AppendLane;
}

class LocalExtentWriter implements ExtentWriter {
  readonly name = "extent writer";
  readonly #options: ExtentWriterOptions;
  readonly #disks: readonly DiskHealth[];
  /** One entry for each disk: extents have one member for now. */
  readonly #lanesOfDisks: readonly LanesOfDisk[];
  readonly #lanes: readonly AppendLane[];
  readonly #ledger: ExtentLedger;
  /** Which lane comes first among equals: turned by each append, so that idle disks fill evenly. */
  #turn = 0;
  #closedBy: StoreError | undefined;
  #records = 0;
  #syncs = 0;
  readonly #recordsPerSync = new SizeCounts();
  #bytes = 0;
  readonly #opening: OpeningCounts = { extentsOpened: 0, filesInTheWay: 0 };
  #failures = 0;
  #extentsLost = 0;

  constructor(options: ExtentWriterOptions) {
    assert(options.disks.disks.length > 0, "a writer needs a data directory");
    this.#options = options;
    this.#ledger = new ExtentLedger(options.table, options.platform.clock);
    this.#disks = options.disks.disks.map((place) => this.#createHealth(place));
    this.#lanesOfDisks = this.#disks.map((health) => ({
      small: this.#createLane([health], smallBatchBytesMax),
      large: this.#createLane([health], batchBytesMax - smallBatchBytesMax),
    }));
    this.#lanes = this.#lanesOfDisks.flatMap(({ small, large }) => [small, large]);
  }

  append(identity: RecordIdentity, payload: Uint8Array): Promise<ChunkRef> {
    assert(payload.length <= chunkBytesMax, "payload longer than a chunk");
    const checksums = blockChecksums(this.#options.platform.hash, payload);
    const bytes = recordBytes(identity.key.length, payload.length);
    return new Promise((resolve, reject) => {
      const staged = { identity, payload, blockChecksums: checksums, bytes };
      this.#place({ ...staged, resolve, reject, failures: 0 });
    });
  }

  release(refs: readonly ChunkRef[]): void {
    this.#ledger.released(refs);
  }

  async assertInPlace(refs: readonly ChunkRef[]): Promise<void> {
    for (const extent of new Set(refs.map((ref) => ref.extent))) {
      if (await onDisk(this.#isInPlace(extent))) continue;
      throw new StoreError("io", `extent ${extent}: its file has gone since it was written`);
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    // When one of them fails all end, so that a next run does not find them running.
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    const loops = [
      this.#keepLedger(either),
      ...this.#disks.map((health) => this.#watch(health, either)),
    ];
    const ends = await Promise.allSettled(loops.map((loop) => loop.finally(() => failed.abort())));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    this.#closedBy ??= new StoreError("cancelled", "the server is stopping");
    await Promise.all(this.#lanes.map((lane) => lane.finish()));
    await this.#advanceFinally();
  }

  statistics(): ExtentWriterStatistics {
    return {
      records: this.#records,
      syncs: this.#syncs,
      recordsPerSync: this.#recordsPerSync.read(),
      bytes: this.#bytes,
      ...this.#opening,
      failures: this.#failures,
      extentsLost: this.#extentsLost,
      disks: this.#disks.map((health) => health.statistics()),
    };
  }

  /** Gives the record to the lane for its size on the writable disk with the least to do. */
  #place(record: PendingRecord): void {
    if (this.#closedBy !== undefined) {
      record.reject(this.#closedBy);
      return;
    }
    const isSmall = record.payload.length <= smallPayloadBytesMax;
    const disks = this.#lanesOfDisks;
    let best: AppendLane | undefined;
    let bestBytesAhead = Infinity;
    for (let i = 0; i < disks.length; i++) {
      const { small, large } = disks[(this.#turn + i) % disks.length]!;
      const lane = isSmall ? small : large;
      const bytesAhead = small.bytesAhead + large.bytesAhead;
      if (!lane.isWritable || bytesAhead >= bestBytesAhead) continue;
      best = lane;
      bestBytesAhead = bytesAhead;
    }
    this.#turn = (this.#turn + 1) % disks.length;
    if (best === undefined) record.reject(this.#noDisk());
    else if (best.hasSpace(record.bytes)) best.enqueue(record);
    else
      record.reject(new StoreError("overloaded", "append queues of all data directories are full"));
  }

  /** Why nothing can be written: what people can mend most easily names the code. */
  #noDisk(): StoreError {
    const states = this.#disks.map((health) => health.state);
    const stopped = states.filter((state) => state.kind !== "writable");
    const messages = stopped.map((state) => state.message).join("; ");
    const order: readonly StoppedKind[] = ["full", "read_only", "missing", "io"];
    const worst = order.find((kind) => stopped.some((state) => state.kind === kind)) ?? "io";
    // A directory that is not there is, for who wants to write, a failed disk; `missing` is said of
    // stored bytes.
    const code = worst === "missing" ? "io" : codeOfDiskError[worst];
    return new StoreError(code, `no data directory can be written: ${messages}`);
  }

  #createHealth(place: DataDisk): DiskHealth {
    const { platform, session, reserveBytes = reserveBytesDefault } = this.#options;
    return new DiskHealth({ place, session, reserveBytes, log: platform.log });
  }

  #createLane(disks: readonly DiskHealth[], batchBytes: number): AppendLane {
    const { platform } = this.#options;
    return new AppendLane({
      clock: platform.clock,
      disks,
      ledger: this.#ledger,
      openExtent: () => this.#openExtent(disks),
      extentBytes: this.#options.extentBytes ?? extentBytesMax,
      batchBytes,
      giveBack: (records, error) => {
        this.#takeBack(records, error);
      },
      fenced: (error) => {
        this.#closedBy ??= error;
      },
      appended: (records, bytes) => {
        this.#records += records;
        this.#syncs++;
        this.#recordsPerSync.add(records);
        this.#bytes += bytes;
      },
      lost: (extent, memberStates) => {
        this.#extentsLost++;
        for (const [index, found] of memberStates.entries()) {
          if (found === "whole") continue;
          const disk = disks[index]!.place.disk.name;
          platform.log("error", "extent_file_lost", { extent, disk, found });
        }
      },
    });
  }

  async #openExtent(disks: readonly DiskHealth[]): Promise<OpenExtent> {
    for (const health of disks) await health.checkFor(extentHeaderBytes);
    return openNewExtent(this.#options, disks, this.#ledger, this.#opening);
  }

  async #isInPlace(extent: ExtentId): Promise<boolean> {
    for (const lane of this.#lanes) {
      const open = lane.openExtentOf(extent);
      if (open !== undefined) return open.isInPlace();
    }
    const entry = this.#ledger.entryOf(extent);
    // Others took it over: then the commit that would refer to it fails.
    if (entry === undefined) return true;
    const { platform, disks } = this.#options;
    return (await examineExtent(platform.hash, disks, entry)) === "whole";
  }

  /**
   * The payloads are still held: what a disk could not take goes to another, or to a new extent on
   * the same.
   */
  #takeBack(records: readonly PendingRecord[], error: unknown): void {
    this.#failures++;
    const message = messageOf(error);
    this.#options.platform.log("warn", "append_failed", { records: records.length, message });
    for (const record of records) {
      record.failures++;
      if (!isDiskError(error)) record.reject(error);
      else if (record.failures < failuresMax) this.#place(record);
      else record.reject(new StoreError(codeOfDiskError[error.kind], message, { cause: error }));
    }
  }

  async #keepLedger(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options.platform;
    const sealAfterMs = this.#options.sealAfterMs ?? sealAfterMsDefault;
    // Late at two looks, a second apart: where this process itself stood still, the answer has come
    // by the second.
    const late = new Set<AppendLane>();
    while (!signal.aborted) {
      await clock.sleep(tickMs, signal);
      for (const lane of this.#lanes) {
        lane.sealOpenedBefore(clock.monotonicMs() - sealAfterMs);
        if (lane.workingForMs <= answerMsMax) late.delete(lane);
        else if (late.delete(lane)) this.#abandon(lane);
        else late.add(lane);
      }
      await this.#advance();
    }
  }

  #abandon(lane: AppendLane): void {
    lane.abandonWork(new DiskError("io", `no answer for ${answerMsMax / 1000} s`));
  }

  async #watch(health: DiskHealth, signal: AbortSignal): Promise<void> {
    const lanes = this.#lanes.filter(({ disks }) => disks.includes(health));
    while (!signal.aborted) {
      if (lanes.every(({ workingForMs }) => workingForMs <= answerMsMax)) {
        await health.check();
        for (const lane of lanes) lane.look();
      }
      await this.#options.platform.clock.sleep(checkMs, signal);
    }
  }

  /** Commits rows of sealed extents; what fails is tried again by the next call. */
  async #advance(): Promise<void> {
    try {
      await this.#ledger.advance();
    } catch (error) {
      this.#options.platform.log("warn", "extent_not_sealed_yet", { message: messageOf(error) });
    }
  }

  async #advanceFinally(): Promise<void> {
    for (let tries = 0; tries < finalTriesMax; tries++) {
      await this.#advance();
      if (!this.#ledger.isBehind) return;
      await this.#options.platform.clock.sleep(finalRetryMs);
    }
  }
}
