import { StoreError, isStoreError, messageOf } from "../base/errors.ts";
import { Limiter } from "../base/limiter.ts";
import type { ChunkRef } from "../format/chunk-ref.ts";
import type { MemberState } from "../format/extent-row.ts";
import type { ExtentId } from "../format/ids.ts";
import { chunkBytesMax } from "../format/limits.ts";
import type { RecordHeader, RecordIdentity } from "../format/record.ts";
import { isDiskError } from "../platform/disk.ts";
import type { Platform } from "../platform/platform.ts";
import { examineExtent, noteMemberState } from "./extent-examination.ts";
import type { ExtentDisks } from "./extent-files.ts";
import { placeToRead } from "./extent-files.ts";
import type { ReadableMember } from "./extent-member.ts";
import type { ExtentTable } from "./extent-table.ts";
import { storeFailure } from "./disk/disk-error-codes.ts";
import { FileCache } from "./read/file-cache.ts";
import { cachedRecordBytesMax, RecordCache } from "./read/record-cache.ts";
import type { WantedBytes } from "./read/record-read.ts";
import { referenceText, planRead, readRecord } from "./read/record-read.ts";

/** @limit Small records kept in memory: 7,000 of 4 KiB. Each front end has its own. */
export const readCacheBytesMax = 32 * 1024 * 1024;
/** @limit 512 extents are 128 GiB of data at hand without opening a file. */
const filesOpenMax = 512;
/** @limit Bytes being read at once: 32 whole chunks, more than a disk gains from. */
const bytesReadingMax = 32 * chunkBytesMax;
/** @limit Reads waiting for that: each is a client's, and holds no bytes yet. */
const readsWaitingMax = 4096;

export interface ExtentReaderOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  /** Bytes of small records to keep in memory; none for those who come to look at the disk. */
  readonly cacheBytes?: number | undefined;
}

export interface ExtentReaderStatistics {
  readonly reads: number;
  readonly bytes: number;
  /**
   * Reads whose bytes did not match their checksum, or were not those the reference means. None was
   * served.
   */
  readonly corruptions: number;
  /** Reads that were answered from memory. */
  readonly hits: number;
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
   */
  readonly buffer?: Uint8Array | undefined;
  readonly opened?: OpenedRecord | undefined;
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
  return new LocalExtentReader(options);
}

class LocalExtentReader implements ExtentReader {
  readonly #options: ExtentReaderOptions;
  readonly #files: FileCache;
  readonly #cache: RecordCache | undefined;
  readonly #limiter = new Limiter({
    unitsMax: bytesReadingMax,
    waitersMax: readsWaitingMax,
    what: "reads of extents",
  });
  #reads = 0;
  #bytes = 0;
  #corruptions = 0;
  #hits = 0;

  constructor(options: ExtentReaderOptions) {
    const { platform, cacheBytes = 0 } = options;
    this.#options = options;
    this.#cache = cacheBytes === 0 ? undefined : new RecordCache(platform.hash, cacheBytes);
    this.#files = new FileCache({
      clock: platform.clock,
      filesMax: filesOpenMax,
      open: (extent) => this.#open(extent),
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
    const [reads, bytes, corruptions] = [this.#reads, this.#bytes, this.#corruptions];
    return { reads, bytes, corruptions, hits: this.#hits };
  }

  async close(): Promise<void> {
    this.#cache?.clear();
    await this.#files.close();
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
    try {
      const { header, bytes } = await this.#readVerified(wanted);
      if (opened !== undefined) opened.header = header;
      this.#count(start, end);
      return bytes;
    } catch (error) {
      if (isStoreError(error, "corrupt")) {
        this.#noteCorruption(ref, error);
        await this.#noteLost(ref.extent, "damaged");
      } else if (isDiskError(error, "missing")) {
        await this.#noteLost(ref.extent, "missing");
        throw new StoreError("missing", `${referenceText(ref)}: its file is not there`, {
          cause: error,
        });
      }
      throw storeFailure(error);
    }
  }

  /** Reads within the limits of bytes being read and of open files. */
  async #readVerified(wanted: WantedBytes): Promise<{ header: RecordHeader; bytes: Uint8Array }> {
    const plan = planRead(wanted);
    const turn = this.#limiter.enter(plan.bytes);
    if (turn !== undefined) await turn;
    try {
      const file = this.#files.hold(wanted.ref.extent);
      try {
        const { hash } = this.#options.platform;
        return await readRecord(hash, file.opened ?? (await file.opening), wanted, plan);
      } catch (error) {
        this.#files.forget(file); // it may have gone or moved: the next read looks again
        throw error;
      } finally {
        this.#files.release(file);
      }
    } finally {
      this.#limiter.leave(plan.bytes);
    }
  }

  #noteCorruption(ref: ChunkRef, error: StoreError): void {
    this.#corruptions++;
    const { extent, offset } = ref;
    this.#options.platform.log("error", "bytes_corrupt", {
      extent,
      offset,
      message: messageOf(error),
    });
  }

  /** Where it can be: the read fails with what it met, whatever becomes of this. */
  async #noteLost(extent: ExtentId, found: MemberState): Promise<void> {
    const { platform, table, disks } = this.#options;
    try {
      const entry = await table.get(extent);
      if (entry === undefined || entry.row.state === "dropping") return;
      if (entry.row.members.every(({ state }) => state !== "whole")) return;
      const now = await examineExtent(platform.hash, disks, entry);
      if (found === "missing" && now !== found) return;
      await noteMemberState(platform, table, entry, now === "whole" ? found : now);
    } catch (error) {
      if (!isStoreError(error)) throw error;
      platform.log("warn", "lost_extent_not_noted", { extent, message: messageOf(error) });
    }
  }

  async #open(extent: ExtentId): Promise<ReadableMember> {
    const { table, disks } = this.#options;
    const entry = await table.get(extent);
    if (entry === undefined) throw new StoreError("missing", `extent ${extent} has gone`);
    return placeToRead(disks, entry).members.openForReading(extent);
  }
}
