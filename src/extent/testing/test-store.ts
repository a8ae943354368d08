import { LoopShare } from "../../base/loop-share.ts";
import { plainCombiner } from "../../erasure/combine.ts";
import type { ExtentClass } from "../../format/extent-row.ts";
import {
  type BlobId,
  type BucketId,
  type DiskId,
  idOfText,
  type SessionId,
  type StoreId,
} from "../../format/ids.ts";
import type { RecordIdentity } from "../../format/record.ts";
import type { Hash } from "../../platform/hash.ts";
import { type LogLevel, ownMemory, type Platform } from "../../platform/platform.ts";
import { initialiseDataDirectory } from "../data-directories.ts";
import type { DataDisk, ExtentDisks } from "../extent-files.ts";
import { createExtentReader, type ExtentReader } from "../extent-reader.ts";
import {
  createExtentWriter,
  type ExtentWriter,
  type ExtentWriterOptions,
} from "../extent-writer.ts";
import { localDataDisk } from "../local-members.ts";
import { ManualClock } from "./manual-clock.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { MemoryExtentTable } from "./memory-extent-table.ts";

export const testStoreId = idOfText<StoreId>("5".repeat(32));

/** What is written where no class matters. */
export const standardExtents: ExtentClass = { storageClass: "STANDARD", bucketScheme: undefined };

/** The bytes of a payload, each derived from its place. */
export function payloadOf(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17 + (i >> 8)) & 0xff);
}

export function identityOf(chunk: number, key = "a/key"): RecordIdentity {
  return {
    kind: "data",
    bucket: 3 as BucketId, // made up, as the blob
    key: new TextEncoder().encode(key),
    blob: idOfText<BlobId>("b".repeat(32)),
    upload: undefined,
    part: 0,
    chunk,
  };
}

/**
 * Data directories in memory with a table, a clock that stands still, and the writers of one
 * session.
 */
export class TestStore {
  readonly clock = new ManualClock();
  readonly table = new MemoryExtentTable();
  readonly logged: { readonly level: LogLevel; readonly event: string }[] = [];
  readonly platform: Platform;
  readonly memoryDisks: readonly MemoryDisk[];
  readonly #dataDisks: DataDisk[] = [];
  #drawn = 0;

  constructor(hash: Hash, diskCount = 1) {
    this.platform = {
      clock: this.clock,
      hash,
      combiner: plainCombiner,
      memory: ownMemory,
      loop: new LoopShare(() => Promise.resolve()),
      random: { bytes: (count) => new Uint8Array(count).fill(++this.#drawn) },
      log: (level, event) => void this.logged.push({ level, event }),
    };
    this.memoryDisks = Array.from({ length: diskCount }, (_, i) => new MemoryDisk(`/data${i + 1}`));
  }

  /** Opens a store whose data directories are all initialised. */
  static async create(hash: Hash, diskCount = 1): Promise<TestStore> {
    const store = new TestStore(hash, diskCount);
    for (const disk of store.memoryDisks) {
      const options = { store: testStoreId, holdsIndex: store.#dataDisks.length === 0 };
      const identity = await initialiseDataDirectory(disk, options, store.platform.random);
      store.#dataDisks.push(localDataDisk(hash, identity.disk, disk));
    }
    return store;
  }

  get disks(): ExtentDisks {
    return { store: testStoreId, disks: this.#dataDisks };
  }

  get diskIds(): readonly DiskId[] {
    return this.#dataDisks.map(({ id }) => id);
  }

  writer(options: Partial<ExtentWriterOptions> = {}): ExtentWriter {
    const { platform, disks, table } = this;
    const session = 7 as SessionId; // made up
    return createExtentWriter({
      platform,
      disks,
      table,
      session,
      ...options,
    });
  }

  reader(cacheBytes = 0): ExtentReader {
    const { platform, disks, table } = this;
    return createExtentReader({ platform, disks, table, cacheBytes });
  }

  /** The paths of the extent files on a disk, in order of their ids. */
  extentFiles(disk = 0): readonly string[] {
    const paths = [...(this.memoryDisks[disk]?.files.keys() ?? [])];
    return paths.filter((path) => path.endsWith(".extent")).sort();
  }
}
