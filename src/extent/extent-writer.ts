import { assert } from "../base/assert.ts";
import { StoreError, messageOf } from "../base/errors.ts";
import { SizeCounts } from "../base/size-counts.ts";
import type { ChunkRef } from "../format/chunk-ref.ts";
import { type ExtentClass, extentClassText } from "../format/extent-row.ts";
import type { ExtentId } from "../format/ids.ts";
import { blockBytes, chunkBytesMax, extentBytesMax } from "../format/limits.ts";
import type { RecordIdentity } from "../format/record.ts";
import { blockChecksums, recordBytes } from "../format/record.ts";
import { DiskError, isDiskError } from "../platform/disk.ts";
import type { Service } from "../platform/platform.ts";
import type { DataDisk } from "./extent-files.ts";
import { examineExtent } from "./extent-examination.ts";
import type { PendingRecord } from "./append/append-lane.ts";
import { AppendLane, batchBytesMax, failRecord } from "./append/append-lane.ts";
import { ExtentOpener } from "./append/extent-opener.ts";
import { codeOfDiskError, onDisk } from "./disk/disk-error-codes.ts";
import type { DiskStatistics } from "./disk/disk-health.ts";
import { DiskHealth } from "./disk/disk-health.ts";
import { noDiskFailure } from "./disk/no-disk-failure.ts";
import { ExtentLedger } from "./append/extent-ledger.ts";
import { LaneGroup, type LaneKind } from "./append/lane-group.ts";
import type { OpenExtent } from "./append/open-extent.ts";
import { copiesOnly, planInlineExtent, type WriteChoices } from "./write-choices.ts";
import { type OpeningOptions, quorumOfScheme } from "./append/open-new-extent.ts";

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
  /** Undefined: three copies of everything. */
  readonly choices?: WriteChoices | undefined;
  /**
   * True if all records of an extent class go to one open extent, so that these are few and large
   * (default: false).
   */
  readonly isSingleLane?: boolean | undefined;
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
  /** Members that did not follow the others of their extents in time. */
  readonly membersLeftBehind: number;
  /** Extents opened on fewer disks than they should have members. */
  readonly extentsNarrower: number;
  readonly disks: readonly DiskStatistics[];
}

/**
 * Appends records for one session: of each extent class several open extents for small records and
 * as many for large ones, each with members on disks of its own choice and its own group commit.
 * What arrives while a sync runs is written with the next one vectored write and one sync.
 */
export interface ExtentWriter extends Service {
  /**
   * Resolves once the record is synced on its quorum, in an extent of this class. Slower members go
   * on reading the payload: it must not change until `released` is called, once, whatever becomes
   * of the record. StoreError `overloaded` (the queues are full: C6), `storage_full`, `read_only`,
   * `io`, `fenced` (the extent was sealed by others).
   */
  append(
    extentClass: ExtentClass,
    identity: RecordIdentity,
    payload: Uint8Array,
    released?: () => void,
  ): Promise<ChunkRef>;
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
  /** Members that a new extent of this class would have now, where it has copies. */
  membersNow(extentClass: ExtentClass): number;
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
/**
 * @limit Extent classes that a process has lanes for: 16 of 17 lanes, so 272 open extents, and
 * three files for each. Past it those of the class that was used least recently finish, and their
 * extents are sealed.
 */
export const laneGroupsMax = 16;

export function createExtentWriter(options: ExtentWriterOptions): ExtentWriter {
  return new LocalExtentWriter(options);
}

class LocalExtentWriter implements ExtentWriter {
  readonly name = "extent writer";
  readonly #options: ExtentWriterOptions;
  /** The list of disks that these were made for. */
  #mounted: readonly DataDisk[] = [];
  #disks: readonly DiskHealth[] = [];
  readonly #opener: ExtentOpener;
  readonly #choices: WriteChoices;
  /** The lanes of each extent class; the one that was used last is the last. */
  readonly #groups = new Map<string, LaneGroup>();
  #usedLast: LaneGroup | undefined;
  /** Lanes that are not needed any more, until they have finished. */
  readonly #retiring = new Set<AppendLane>();
  /** Lanes that wait for a disk which does not answer; others have their place. */
  readonly #abandoned = new Set<AppendLane>();
  readonly #ledger: ExtentLedger;
  #closedBy: StoreError | undefined;
  #records = 0;
  #syncs = 0;
  readonly #recordsPerSync = new SizeCounts();
  #bytes = 0;
  #failures = 0;
  #extentsLost = 0;
  #leftBehind = 0;

  constructor(options: ExtentWriterOptions) {
    assert(options.disks.disks.length > 0, "a writer needs a data directory");
    this.#options = options;
    this.#choices = options.choices ?? copiesOnly();
    this.#ledger = new ExtentLedger(options.table, options.platform.clock);
    this.#opener = new ExtentOpener({
      ...options,
      ledger: this.#ledger,
      disksNow: () => this.#disks,
      openOn: (health) => this.#lanes.filter((lane) => lane.isOpenOn(health)).length,
    });
    this.#followDisks();
  }

  append(
    extentClass: ExtentClass,
    identity: RecordIdentity,
    payload: Uint8Array,
    released?: () => void,
  ): Promise<ChunkRef> {
    assert(payload.length <= chunkBytesMax, "payload longer than a chunk");
    const checksums = blockChecksums(this.#options.platform.hash, payload);
    const bytes = recordBytes(identity.key.length, payload.length);
    return new Promise((resolve, reject) => {
      const staged = { identity, payload, blockChecksums: checksums, bytes, released };
      this.#place({ ...staged, extentClass, holders: 1, resolve, reject, failures: 0 });
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
    const loops = [this.#keepLedger(either), this.#watchAll(either)];
    const ends = await Promise.allSettled(loops.map((loop) => loop.finally(() => failed.abort())));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    this.#closedBy ??= new StoreError("cancelled", "the server is stopping");
    await Promise.all(this.#lanes.map((lane) => lane.finish()));
    await this.#advanceFinally();
  }

  membersNow(extentClass: ExtentClass): number {
    return this.#opener.membersNow(this.#choices.of(extentClass).copies);
  }

  statistics(): ExtentWriterStatistics {
    return {
      records: this.#records,
      syncs: this.#syncs,
      recordsPerSync: this.#recordsPerSync.read(),
      bytes: this.#bytes,
      ...this.#opener.statistics(),
      failures: this.#failures,
      extentsLost: this.#extentsLost,
      membersLeftBehind: this.#leftBehind,
      disks: this.#disks.map((health) => health.statistics()),
    };
  }

  /** Gives the record to the lane for its size that has the least to do. */
  #place(record: PendingRecord): void {
    if (this.#closedBy !== undefined) {
      failRecord(record, this.#closedBy);
      return;
    }
    const group = this.#groupOf(record.extentClass);
    const isSmall = record.payload.length <= smallPayloadBytesMax;
    const isInline = !isSmall && record.failures === 0 && this.#canBeInline(group);
    const lane = isInline ? group.inlineLane : group.idlest(isSmall ? "small" : "large");
    if (!isInline && !lane.isWritable) failRecord(record, noDiskFailure(this.#disks));
    else if (lane.hasSpace(record.bytes)) lane.enqueue(record);
    else failRecord(record, new StoreError("overloaded", "the queues of all lanes are full"));
  }

  /** True where large records are coded at once, and enough disks take them. */
  #canBeInline({ extentClass }: LaneGroup): boolean {
    const { inline } = this.#choices.of(extentClass);
    if (inline === undefined) return false;
    const usable = this.#disks.filter((health) => this.#opener.isUsable(health)).length;
    return usable >= inline.data + inline.parity;
  }

  #groupOf(extentClass: ExtentClass): LaneGroup {
    const name = extentClassText(extentClass);
    const known = this.#groups.get(name);
    if (known !== undefined && known === this.#usedLast) return known;
    const createLane = (kind: LaneKind): AppendLane => this.#createLane(extentClass, kind);
    const isSingle = this.#options.isSingleLane ?? false;
    const group = known ?? new LaneGroup({ extentClass, isSingle, createLane });
    this.#groups.delete(name);
    this.#groups.set(name, group);
    this.#usedLast = group;
    if (known !== undefined) return group;
    // holds: C6 lane-groups-are-limited
    if (this.#groups.size > laneGroupsMax) this.#retireFirstGroup();
    this.#fit(group);
    return group;
  }

  #retireFirstGroup(): void {
    for (const [name, group] of this.#groups) {
      this.#groups.delete(name);
      this.#retire(group.lanes);
      return;
    }
  }

  /**
   * Knows the disks that came and went, and has as many lanes as they, and what was chosen, need.
   */
  #followDisks(): void {
    const { disks } = this.#options.disks;
    if (disks !== this.#mounted) {
      this.#mounted = disks;
      const before = this.#disks;
      this.#disks = disks.map((place) => {
        return before.find((health) => health.place === place) ?? this.#createHealth(place);
      });
    }
    for (const group of this.#groups.values()) this.#fit(group);
  }

  #fit(group: LaneGroup): void {
    const { copies } = this.#choices.of(group.extentClass);
    this.#retire(group.fit(this.#disks.length, copies));
  }

  /** Nothing more comes to these lanes; they are looked after until they have finished. */
  #retire(lanes: readonly AppendLane[]): void {
    for (const lane of lanes) {
      this.#retiring.add(lane);
      void lane.finish().then(() => this.#retiring.delete(lane));
    }
  }

  get #lanes(): readonly AppendLane[] {
    const current = [...this.#groups.values()].flatMap(({ lanes }) => lanes);
    return [...current, ...this.#retiring];
  }

  #createHealth(place: DataDisk): DiskHealth {
    const { platform, session, reserveBytes = reserveBytesDefault } = this.#options;
    return new DiskHealth({ place, session, reserveBytes, log: platform.log });
  }

  #createLane(extentClass: ExtentClass, kind: LaneKind): AppendLane {
    const openExtent = async (asked: Set<DiskHealth>): Promise<OpenExtent> => {
      if (kind !== "inline")
        return this.#opener.open(extentClass, this.#choices.of(extentClass).copies, asked);
      const isUsable = (health: DiskHealth): boolean => this.#opener.isUsable(health);
      const plan = planInlineExtent(this.#choices, extentClass, this.#disks, isUsable);
      return this.#opener.openAt(await plan, asked);
    };
    const { platform } = this.#options;
    return new AppendLane({
      clock: platform.clock,
      disks: () => this.#disks,
      isUsable: (health) => this.#opener.isUsable(health),
      membersNow: () => this.membersNow(extentClass),
      ledger: this.#ledger,
      openExtent,
      extentBytes: this.#options.extentBytes ?? extentBytesMax,
      batchBytes: kind === "small" ? smallBatchBytesMax : batchBytesMax - smallBatchBytesMax,
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
      leftBehind: (health) => {
        this.#leftBehind++;
        platform.log("warn", "disk_left_behind", { disk: health.place.disk.name });
        health.leaveAlone();
      },
      lost: ({ entry, lostMembers }) => {
        this.#extentsLost++;
        for (const { health, found } of lostMembers) {
          const disk = health.place.disk.name;
          platform.log("error", "extent_file_lost", { extent: entry.id, disk, found });
        }
      },
    });
  }

  async #isInPlace(extent: ExtentId): Promise<boolean> {
    for (const lane of this.#lanes) {
      const open = lane.openExtentOf(extent);
      if (open === undefined) continue;
      if (await open.isInPlace()) return true;
    }
    const entry = this.#ledger.entryOf(extent);
    // Others took it over: then the commit that would refer to it fails.
    if (entry === undefined) return true;
    const { platform, disks } = this.#options;
    const { states, failure } = await examineExtent(platform.hash, disks, entry);
    const inPlace = states.filter((state) => state === "whole").length;
    if (inPlace >= quorumOfScheme(entry.row.scheme)) return true;
    if (failure !== undefined) throw failure;
    return false;
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
      if (!isDiskError(error)) failRecord(record, error);
      else if (record.failures < failuresMax) this.#place(record);
      else
        failRecord(record, new StoreError(codeOfDiskError[error.kind], message, { cause: error }));
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
      // Where this process stood still, members that seem late may have answered.
      await clock.turn();
      this.#followDisks();
      for (const lane of this.#abandoned) if (lane.hasEnded) this.#abandoned.delete(lane);
      for (const lane of this.#lanes) {
        lane.sealIfDue(clock.monotonicMs() - sealAfterMs);
        if (lane.workingForMs <= answerMsMax) late.delete(lane);
        else if (late.delete(lane)) this.#abandon(lane);
        else late.add(lane);
      }
      await this.#advance();
    }
  }

  /** Another lane takes its place, since this one waits until the disk answers. */
  #abandon(lane: AppendLane): void {
    for (const group of this.#groups.values()) group.replace(lane);
    this.#abandoned.add(lane);
    lane.abandonWork(new DiskError("no_answer", `no answer for ${answerMsMax / 1000} s`));
  }

  /** Looks at all disks again and again; one that takes long delays no other. */
  async #watchAll(signal: AbortSignal): Promise<void> {
    const underWay = new Map<DiskHealth, Promise<void>>();
    while (!signal.aborted) {
      const hung = this.#hungDisks();
      for (const health of this.#disks) {
        if (underWay.has(health) || hung.has(health)) continue;
        const look = this.#look(health).finally(() => underWay.delete(health));
        underWay.set(health, look);
      }
      await this.#options.platform.clock.sleep(checkMs, signal);
    }
    await Promise.all(underWay.values());
  }

  async #look(health: DiskHealth): Promise<void> {
    await health.check(); // never throws
    for (const lane of this.#lanes) if (lane.isOpenOn(health)) lane.look();
  }

  /** The disks at which a look might wait long. */
  #hungDisks(): ReadonlySet<DiskHealth> {
    const hung = new Set<DiskHealth>();
    for (const lane of [...this.#lanes, ...this.#abandoned]) {
      for (const health of lane.hungDisks(answerMsMax)) hung.add(health);
    }
    return hung;
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
