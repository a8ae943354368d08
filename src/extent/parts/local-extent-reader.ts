import { assert } from "../../base/assert.ts";
import { equalBytes } from "../../base/bytes.ts";
import { StoreError, isStoreError, messageOf } from "../../base/errors.ts";
import { Limiter } from "../../base/limiter.ts";
import type { ChunkRef } from "../../format/chunk-ref.ts";
import type { MemberState } from "../../format/extent-row.ts";
import type { ExtentId } from "../../format/ids.ts";
import { blockBytes, chunkBytesMax } from "../../format/limits.ts";
import type { RecordHeader, RecordIdentity } from "../../format/record.ts";
import { decodeRecordHeader, recordHeaderBytes, verifyBlocks } from "../../format/record.ts";
import type { DiskFile } from "../../platform/disk.ts";
import { isDiskError } from "../../platform/disk.ts";
import { examineExtent, noteMemberState } from "../extent-examination.ts";
import { extentPath, findDisk } from "../extent-files.ts";
import type {
  ExtentReader,
  ExtentReaderOptions,
  ExtentReaderStatistics,
} from "../extent-reader.ts";
import { storeFailure } from "./disk-failure.ts";
import { FileCache } from "./file-cache.ts";

/** 512 extents are 128 GiB of data at hand without opening a file. */
const filesOpenMax = 512;
/** Bytes being read at once: 32 whole chunks, more than a disk gains from. */
const bytesReadingMax = 32 * chunkBytesMax;
/** Reads waiting for that: each is a client's, and holds no bytes yet. */
const readsWaitingMax = 4096;
/** Header and blocks are fetched with one read where no more than this would be read in vain. */
export const gapBytesMax = 128 * 1024;

/** Which bytes of a record a read needs, in bytes from the record's start. */
interface ReadPlan {
  readonly headerBytes: number;
  readonly firstBlock: number;
  /** Whole blocks around the wanted bytes. */
  readonly blocksStart: number;
  readonly blocksEnd: number;
  /** Header and blocks are fetched together, with what lies between them. */
  readonly isOneRead: boolean;
}

interface VerifiedRead {
  readonly ref: ChunkRef;
  readonly identity: RecordIdentity;
  readonly plan: ReadPlan;
  readonly room: Uint8Array | undefined;
}

export class LocalExtentReader implements ExtentReader {
  readonly #options: ExtentReaderOptions;
  readonly #files: FileCache;
  readonly #limiter = new Limiter({
    unitsMax: bytesReadingMax,
    waitersMax: readsWaitingMax,
    what: "reads of extents",
  });
  #reads = 0;
  #bytes = 0;
  #corruptions = 0;

  constructor(options: ExtentReaderOptions) {
    this.#options = options;
    this.#files = new FileCache({
      clock: options.platform.clock,
      filesMax: filesOpenMax,
      open: (extent) => this.#open(extent),
    });
  }

  async read(
    ref: ChunkRef,
    identity: RecordIdentity,
    start: number,
    end: number,
    room?: Uint8Array,
  ): Promise<Uint8Array> {
    assert(0 <= start && start <= end && end <= ref.length, "range outside of the chunk");
    const plan = planRead(ref, identity, start, end);
    try {
      const bytes = await this.#limiter.run(bytesHeld(plan), () =>
        this.#files.use(ref.extent, (file) =>
          this.#readVerified(file, { ref, identity, plan, room }),
        ),
      );
      this.#reads++;
      this.#bytes += end - start;
      const skipped = start - plan.firstBlock * blockBytes;
      return bytes.subarray(skipped, skipped + end - start);
    } catch (error) {
      if (isStoreError(error, "corrupt")) {
        this.#noteCorruption(ref, error);
        await this.#noteLost(ref.extent, "damaged");
      } else if (isDiskError(error, "missing")) {
        await this.#noteLost(ref.extent, "missing");
        const where = `extent ${ref.extent}, record at ${ref.offset}`;
        throw new StoreError("missing", `${where}: its file is not there`, { cause: error });
      }
      throw storeFailure(error);
    }
  }

  statistics(): ExtentReaderStatistics {
    return { reads: this.#reads, bytes: this.#bytes, corruptions: this.#corruptions, hits: 0 };
  }

  close(): Promise<void> {
    return this.#files.close();
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

  /** The blocks the plan names, each verified. */
  async #readVerified(
    file: DiskFile,
    { ref, identity, plan, room }: VerifiedRead,
  ): Promise<Uint8Array> {
    const { hash } = this.#options.platform;
    const { headerBytes, blocksStart, blocksEnd, isOneRead } = plan;
    let headerPart: Uint8Array;
    let blocks: Uint8Array;
    if (isOneRead) {
      const record = await readExactly(file, ref, { start: 0, end: blocksEnd, room });
      headerPart = record.subarray(0, headerBytes);
      blocks = record.subarray(blocksStart);
    } else {
      [headerPart, blocks] = await Promise.all([
        readExactly(file, ref, { start: 0, end: headerBytes }),
        readExactly(file, ref, { start: blocksStart, end: blocksEnd, room }),
      ]);
    }
    const header = decodeRecordHeader(hash, headerPart);
    assertMeant(header, ref, identity);
    verifyBlocks(hash, header, plan.firstBlock, blocks);
    return blocks;
  }

  async #open(extent: ExtentId): Promise<DiskFile> {
    const { table, disks } = this.#options;
    const entry = await table.get(extent);
    // What is said of a member may be out of date, and each read is verified.
    const members = entry?.row.members ?? [];
    const member = members.find(({ state }) => state === "whole") ?? members[0];
    if (member === undefined) throw new StoreError("missing", `extent ${extent} has gone`);
    const { disk } = findDisk(disks, member.disk);
    return disk.open(extentPath(extent), "read");
  }
}

function planRead(ref: ChunkRef, identity: RecordIdentity, start: number, end: number): ReadPlan {
  const headerBytes = recordHeaderBytes(identity.key.length, ref.length);
  const firstBlock = Math.floor(start / blockBytes);
  const blocksStart = headerBytes + firstBlock * blockBytes;
  const lastBlockEnd = Math.min(Math.ceil(end / blockBytes) * blockBytes, ref.length);
  const blocksEnd = start === end ? blocksStart : headerBytes + lastBlockEnd;
  const isOneRead = blocksStart - headerBytes <= gapBytesMax;
  return { headerBytes, firstBlock, blocksStart, blocksEnd, isOneRead };
}

/** What the read takes of memory. */
function bytesHeld({ headerBytes, blocksStart, blocksEnd, isOneRead }: ReadPlan): number {
  return isOneRead ? blocksEnd : headerBytes + blocksEnd - blocksStart;
}

/** Bytes start <= i < end of the record. */
async function readExactly(
  file: DiskFile,
  ref: ChunkRef,
  { start, end, room }: { start: number; end: number; room?: Uint8Array | undefined },
): Promise<Uint8Array> {
  const wanted = end - start;
  const fits = room !== undefined && wanted <= room.length;
  const buffer = fits ? room.subarray(0, wanted) : new Uint8Array(wanted);
  const length = await file.read(buffer, ref.offset + start);
  if (length < buffer.length) {
    const where = `extent ${ref.extent}, record at ${ref.offset}`;
    throw new StoreError("corrupt", `${where}: the file ends within it`);
  }
  return buffer;
}

/** A valid record may still be the wrong one: misplaced by the disk, or a stale reference. */
function assertMeant(header: RecordHeader, ref: ChunkRef, identity: RecordIdentity): void {
  const isMeant =
    header.checksum === ref.checksum &&
    header.extent === ref.extent &&
    header.offset === ref.offset &&
    header.payloadBytes === ref.length &&
    header.kind === identity.kind &&
    header.bucket === identity.bucket &&
    header.blob === identity.blob &&
    header.upload === identity.upload &&
    header.part === identity.part &&
    header.chunk === identity.chunk &&
    equalBytes(header.key, identity.key);
  if (isMeant) return;
  const where = `extent ${ref.extent}, record at ${ref.offset}`;
  throw new StoreError("corrupt", `${where}: not the record that the reference means`);
}
