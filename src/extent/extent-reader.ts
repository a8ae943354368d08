import { StoreError, isStoreError, messageOf } from "../base/errors.ts";
import { Limiter } from "../base/limiter.ts";
import { Codes } from "../erasure/codes.ts";
import type { ChunkRef } from "../format/chunk-ref.ts";
import { type DiskId, idText } from "../format/ids.ts";
import type { RecordHeader, RecordIdentity } from "../format/record.ts";
import type { Platform } from "../platform/platform.ts";
import type { ExtentDisks } from "./extent-files.ts";
import type { ExtentTable } from "./extent-table.ts";
import { Alarms } from "./read/alarms.ts";
import { isOut } from "./mounted-disks.ts";
import { type DiskReadStatistics, DisksReads } from "./read/disk-reads.ts";
import { ExtentCache, type HeldExtent } from "./read/extent-cache.ts";
import { FaultNotes } from "./read/fault-notes.ts";
import { HedgeBudget } from "./read/hedging.ts";
import { OpenedExtent, type OpenFiles } from "./read/opened-extent.ts";
import { ReadRace, type RaceCounts } from "./read/read-race.ts";
import { cachedRecordBytesMax, RecordCache } from "./read/record-cache.ts";
import type { ReadPlan, VerifiedRecord, WantedBytes } from "./read/record-read.ts";
import { planRead } from "./read/record-read.ts";

/** @limit Small records kept in memory: 7,000 of 4 KiB. Each front end has its own. */
export const readCacheBytesMax = 32 * 1024 * 1024;
/** @limit 512 extents of one copy are 128 GiB of data at hand without opening a file. */
const filesOpenMax = 512;
/** @limit Memory for what is read from shards: that of six chunks that are decoded from ten. */
const shardBytesMax = 64 * 1024 * 1024;
/** @limit Reads waiting for that: each is a client's, and holds no bytes yet. */
const shardReadsWaitingMax = 4096;
/**
 * @limit Times that a read begins again with the row as it is then: an extent that is encoded,
 * repaired and moved changes its row a few times in hours.
 */
const rowsMax = 4;

export interface ExtentReaderOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  /** Bytes of small records to keep in memory; none for those who come to look at the disk. */
  readonly cacheBytes?: number | undefined;
  /** Reads of disks that may be added for each small read (hedging.ts); 0: none. Default: 2 %. */
  readonly hedgeShare?: number | undefined;
}

export interface ExtentReaderStatistics {
  readonly reads: number;
  readonly bytes: number;
  /**
   * Answers of disks whose bytes did not match their checksum, or were not those the reference
   * means. None was served.
   */
  readonly corruptions: number;
  /** Reads that were answered from memory. */
  readonly hits: number;
  /** Reads that another member was asked for than the first, and those that were decoded. */
  readonly rerouted: number;
  readonly decoded: number;
  /** Small reads that a second member was asked for early, and those that it answered first. */
  readonly hedgesSent: number;
  readonly hedgesWon: number;
  /** Each disk that was asked, since this process began. */
  readonly disks: readonly NamedDiskReads[];
}

export interface NamedDiskReads extends DiskReadStatistics {
  /** Its data directory; its id where it is not among them. */
  readonly name: string;
}

/**
 * A header shared by several reads of one record: the first read that succeeds verifies it and
 * keeps it here.
 */
export interface OpenedRecord {
  header?: RecordHeader | undefined;
}

export interface ReadOptions {
  /**
   * Where the bytes may be put: then it belongs to the read until that has ended. Where it is too
   * small for the blocks of the range, and the header if that is read too, they get new memory.
   *
   * If the bytes are elsewhere (`isIn`), the buffer must not be used again: a member that another
   * one answered before may still put its bytes there.
   */
  readonly buffer?: Uint8Array | undefined;
  readonly opened?: OpenedRecord | undefined;
}

/** True if these bytes are in this memory. */
export function isIn(buffer: Uint8Array, bytes: Uint8Array): boolean {
  return buffer.buffer === bytes.buffer;
}

export interface ExtentReader {
  /**
   * Payload bytes start <= i < end of a chunk, verified (C4): the header against the reference and
   * the identity, then each block it returns. The value itself where it is in memory. StoreError
   * `missing` (the extent has gone: read the row again, it may have moved), `corrupt`, `io`,
   * `overloaded`. The bytes may be others' too: they must not be changed.
   */
  read(
    ref: ChunkRef,
    identity: RecordIdentity,
    start: number,
    end: number,
    options?: ReadOptions,
  ): Uint8Array | Promise<Uint8Array>;
  statistics(): ExtentReaderStatistics;
  close(): Promise<void>;
}

export function createExtentReader(options: ExtentReaderOptions): ExtentReader {
  return new MemberReader(options);
}

class MemberReader implements ExtentReader {
  readonly #options: ExtentReaderOptions;
  readonly #extents: ExtentCache;
  readonly #cache: RecordCache | undefined;
  readonly #diskReads: DisksReads;
  readonly #alarms: Alarms;
  readonly #hedges: HedgeBudget;
  readonly #notes: FaultNotes;
  readonly #memory = new Limiter({
    unitsMax: shardBytesMax,
    waitersMax: shardReadsWaitingMax,
    what: "reads of shards",
  });
  readonly #counts: RaceCounts = { corruptions: 0, rerouted: 0, decoded: 0 };
  #reads = 0;
  #bytes = 0;
  #hits = 0;

  constructor(options: ExtentReaderOptions) {
    const { platform, table, disks, cacheBytes = 0 } = options;
    const { clock, hash } = platform;
    this.#options = options;
    this.#cache = cacheBytes === 0 ? undefined : new RecordCache(hash, cacheBytes);
    this.#diskReads = new DisksReads(clock, (disk) => isOut(disks, disk));
    this.#alarms = new Alarms(clock);
    this.#hedges = new HedgeBudget(options.hedgeShare);
    this.#notes = new FaultNotes({ platform, table, disks });
    const files: OpenFiles = { count: 0 };
    const opened = { platform, disks, codes: new Codes(), diskReads: this.#diskReads, files };
    this.#extents = new ExtentCache({
      clock,
      files,
      filesMax: filesOpenMax,
      open: async (extent) => {
        const entry = await table.get(extent);
        if (entry === undefined) throw new StoreError("missing", `extent ${extent} has gone`);
        return new OpenedExtent(opened, entry);
      },
    });
  }

  read(
    ref: ChunkRef,
    identity: RecordIdentity,
    start: number,
    end: number,
    options?: ReadOptions,
  ): Uint8Array | Promise<Uint8Array> {
    const cache = this.#cache;
    if (cache !== undefined && ref.length <= cachedRecordBytesMax) {
      const payload = cache.find(ref, identity);
      if (payload !== undefined) {
        this.#hits++;
        this.#count(start, end);
        return payload.subarray(start, end);
      }
      if (cache.isWanted(ref)) return this.#readAndKeep(cache, { ref, identity, start, end });
    }
    const { buffer, opened } = options ?? {};
    return this.#readDisk({ ref, identity, start, end, buffer, header: opened?.header }, opened);
  }

  statistics(): ExtentReaderStatistics {
    const { sent: hedgesSent, won: hedgesWon } = this.#hedges.statistics;
    return {
      reads: this.#reads,
      bytes: this.#bytes,
      hits: this.#hits,
      ...this.#counts,
      hedgesSent,
      hedgesWon,
      disks: this.#diskReads.statistics().map((one) => ({ ...one, name: this.#nameOf(one.disk) })),
    };
  }

  #nameOf(id: DiskId): string {
    const found = this.#options.disks.disks.find((disk) => disk.id === id);
    return found?.members.name ?? idText(id);
  }

  async close(): Promise<void> {
    this.#cache?.clear();
    await this.#alarms.close();
    await this.#notes.close();
    await this.#extents.close();
  }

  #count(start: number, end: number): void {
    this.#reads++;
    this.#bytes += end - start;
  }

  async #readAndKeep(cache: RecordCache, wanted: WantedBytes): Promise<Uint8Array> {
    const { ref, identity, start, end } = wanted;
    const payload = await this.#readDisk({ ref, identity, start: 0, end: ref.length });
    cache.keep(ref, identity, payload);
    return payload.subarray(start, end);
  }

  async #readDisk(wanted: WantedBytes, opened?: OpenedRecord): Promise<Uint8Array> {
    const { ref, start, end } = wanted;
    const plan = planRead(wanted);
    for (let rows = 1; ; rows++) {
      const held = this.#extents.hold(ref.extent);
      try {
        const { header, bytes } = await this.#readVerified(held, wanted, plan);
        if (opened !== undefined) opened.header = header;
        this.#count(start, end);
        return bytes;
      } catch (error) {
        // It may have been encoded, repaired or moved since its row was read: the files of the row
        // as it was go only once no read can need them, but a read that begins now is a later one.
        this.#extents.forget(held);
        if (rows === rowsMax || !(await this.#hasChanged(held))) throw error;
      } finally {
        this.#extents.release(held);
      }
    }
  }

  async #readVerified(
    held: HeldExtent,
    wanted: WantedBytes,
    plan: ReadPlan,
  ): Promise<VerifiedRecord> {
    const extent = held.opened ?? (await held.opening);
    const { platform } = this.#options;
    const race = new ReadRace(
      {
        hash: platform.hash,
        alarms: this.#alarms,
        hedges: this.#hedges,
        memory: this.#memory,
        counts: this.#counts,
        nowMs: () => platform.clock.monotonicMs(),
      },
      extent,
      { wanted, plan },
      () => {
        this.#extents.retain(held);
        return () => this.#extents.release(held);
      },
    );
    try {
      const record = await race.run();
      if (race.faults.length > 0) {
        this.#extents.forget(held);
        this.#logCorruptions(wanted.ref, race);
        this.#notes.noteSoon(extent, race.faults);
      }
      return record;
    } catch (error) {
      this.#logCorruptions(wanted.ref, race);
      await this.#notes.note(extent, race.faults);
      throw error;
    }
  }

  /** True if the extent's row is another by now. */
  async #hasChanged({ extent, opened }: HeldExtent): Promise<boolean> {
    if (opened === undefined) return false;
    const { layout, members, state } = opened.entry.row;
    const now = await this.#options.table.get(extent);
    if (now === undefined) return false;
    const places = now.row.members;
    return (
      now.row.layout !== layout ||
      (state === "open" && now.row.state !== "open") ||
      places.length !== members.length ||
      places.some(({ disk }, member) => disk !== members[member]?.disk)
    );
  }

  #logCorruptions({ extent, offset }: ChunkRef, { faults }: ReadRace): void {
    for (const { member, error } of faults) {
      if (!isStoreError(error, "corrupt")) continue;
      const fields = { extent, offset, member, message: messageOf(error) };
      this.#options.platform.log("error", "bytes_corrupt", fields);
    }
  }
}
