import type { FileHandle } from "node:fs/promises";
import type { BigIntStats } from "node:fs";
import { constants, fstatSync, readSync, statSync, writev } from "node:fs";
import { access, mkdir, open, readdir, rename, stat, statfs, unlink } from "node:fs/promises";
import { join } from "node:path";
import { AssertionError, assert } from "../../base/assert.ts";
import { messageOf } from "../../base/errors.ts";
import { Limiter } from "../../base/limiter.ts";
import type { Disk, DiskErrorKind, DiskFile, DiskSpace } from "../../platform/disk.ts";
import { DiskError } from "../../platform/disk.ts";
import { afterBytes, firstBytes, lengthOf } from "./byte-vectors.ts";
import { createWriteBuffers, DirectFile, directBlockBytes } from "./direct-file.ts";

/*
 * libuv runs file operations in a pool of a few threads, for all disks together: one disk that
 * stalls would soon hold them all. So each disk has places of its own, fewer than there are
 * threads, and what exceeds them waits here. Writes have places apart from reads: a sync, on which
 * many appends wait, must not queue behind a hundred reads.
 */
/** @limit Enough to keep a flash disk busy; more only wait in the kernel instead of here. */
const readsMax = 6;
/**
 * @limit A batch of each of two lanes that is written and synced, an extent that is made, and a
 * record of the commit log.
 */
const writesMax = 4;

/** @limit Threads of libuv's pool that one disk can hold; for sizing UV_THREADPOOL_SIZE. */
export const diskThreadsMax = readsMax + writesMax;

/**
 * With it a write is synced by the same call, so that an append is one job for a thread and not
 * two (measured: 75 µs of processor time instead of 95, a third of the wait on a busy machine).
 * Elsewhere than on Linux it may leave the disk's own cache unwritten.
 */
const syncedWrites = process.platform === "linux" ? constants.O_DSYNC : undefined;

/**
 * @limit From here on a write passes by the page cache: below, its copy costs less than waiting for
 * the disk twice.
 */
const directBytesMin = 1024 * 1024;

/**
 * @limit Never reached: the extent reader limits its reads, and each writer has one write under
 * way.
 */
const operationsWaitingMax = 65_536;

/** The data directory `directory`, which need not exist yet for this to succeed. */
export function openDisk(directory: string): Disk {
  return new NodeDisk(directory);
}

const kinds: Readonly<Record<string, DiskErrorKind>> = {
  ENOSPC: "full",
  EDQUOT: "full",
  EROFS: "read_only",
  EACCES: "read_only",
  EPERM: "read_only",
  ENOENT: "missing",
  ENOTDIR: "missing",
  ESTALE: "missing",
  EEXIST: "exists",
};

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
}

/** Asks the system, which knows whether a file system is mounted read-only: nothing is written. */
async function isReadOnly(path: string): Promise<boolean> {
  try {
    await access(path, constants.W_OK);
    return false;
  } catch (error) {
    if (kinds[codeOf(error)] === "read_only") return true;
    throw error;
  }
}

const flags = { read: "r", write: "r+", create: "wx+" } as const;

class NodeDisk implements Disk {
  readonly name: string;
  readonly #reads: Limiter;
  readonly #writes: Limiter;
  readonly writeBuffers = createWriteBuffers();

  constructor(directory: string) {
    this.name = directory;
    const waitersMax = operationsWaitingMax;
    this.#reads = new Limiter({ unitsMax: readsMax, waitersMax, what: `${directory}: reads` });
    this.#writes = new Limiter({ unitsMax: writesMax, waitersMax, what: `${directory}: writes` });
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    const handle = await this.reading("open", path, () => open(this.inside(path), flags[mode]));
    return new NodeFile(this, path, handle);
  }

  list(directory: string): Promise<string[]> {
    return this.reading("list", directory, () => readdir(this.inside(directory)));
  }

  makeDirectory(path: string): Promise<void> {
    return this.writing("make", path, async () => {
      try {
        await mkdir(this.inside(path));
      } catch (error) {
        if (codeOf(error) !== "EEXIST") throw error;
      }
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.writing("rename", from, () => rename(this.inside(from), this.inside(to)));
  }

  remove(path: string): Promise<void> {
    return this.writing("remove", path, () => unlink(this.inside(path)));
  }

  syncDirectory(path: string): Promise<void> {
    return this.writing("sync", path, async () => {
      await using handle = await open(this.inside(path), "r");
      await handle.sync();
    });
  }

  space(): Promise<DiskSpace> {
    return this.reading("space", "", async () => {
      const { bsize, blocks, bavail } = await statfs(this.name);
      const { dev } = await stat(this.name);
      return {
        bytesTotal: bsize * blocks,
        bytesFree: bsize * bavail,
        isReadOnly: await isReadOnly(this.name),
        fileSystem: String(dev),
      };
    });
  }

  reading<T>(what: string, path: string, work: () => Promise<T>): Promise<T> {
    return this.#operation(this.#reads, what, path, work);
  }

  writing<T>(what: string, path: string, work: () => Promise<T>): Promise<T> {
    return this.#operation(this.#writes, what, path, work);
  }

  async #operation<T>(
    limiter: Limiter,
    what: string,
    path: string,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await limiter.run(1, work);
    } catch (cause) {
      throw this.#failure(what, path, cause);
    }
  }

  /** A write that says when it is done, as one promise. */
  writingOnce(what: string, path: string, begin: (done: Done) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const done: Done = (error) => {
        this.#writes.leave(1);
        if (error === null) resolve();
        else reject(this.#failure(what, path, error));
      };
      const turn = this.atOnce(what, path, () => this.#writes.enter(1));
      if (turn === undefined) begin(done);
      else void turn.then(() => begin(done));
    });
  }

  /** Runs in this thread, without a wait: for what is known to be in memory. */
  atOnce<T>(what: string, path: string, work: () => T): T {
    try {
      return work();
    } catch (cause) {
      throw this.#failure(what, path, cause);
    }
  }

  #failure(what: string, path: string, cause: unknown): unknown {
    if (cause instanceof AssertionError) return cause;
    const kind = kinds[codeOf(cause)] ?? "io";
    return new DiskError(kind, `${this.name}: ${what} ${path}: ${messageOf(cause)}`, { cause });
  }

  inside(path: string): string {
    const names = path === "" ? [] : path.split("/");
    assert(
      names.every((name) => name !== "" && name !== "." && name !== ".."),
      `not a path within a data directory: ${path}`,
    );
    return join(this.name, ...names);
  }
}

class NodeFile implements DiskFile {
  readonly #disk: NodeDisk;
  readonly #path: string;
  readonly #handle: FileHandle;
  /**
   * The same file for large writes, from the first of them on; undefined where that does not work.
   */
  #direct: Promise<DirectFile | undefined> | undefined;
  /** The same file for writes that are synced by the same call; undefined where there is none. */
  #openedSynced: Promise<FileHandle | undefined> | undefined;
  /** The file opened for synced writes, once it is open. */
  #synced: FileHandle | undefined;
  /** Writes under way through `#synced`: closed, its number could go to another file. */
  #syncedWrites = 0;
  /** Its device and number; as long as the file is open the system gives them to no other one. */
  #own: BigIntStats | undefined;

  constructor(disk: NodeDisk, path: string, handle: FileHandle) {
    this.#disk = disk;
    this.#path = path;
    this.#handle = handle;
  }

  read(buffer: Uint8Array, offset: number): Promise<number> {
    return this.#disk.reading("read", this.#path, async () => {
      let done = 0;
      while (done < buffer.length) {
        const rest = buffer.length - done;
        const { bytesRead } = await this.#handle.read(buffer, done, rest, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    });
  }

  write(vectors: readonly Uint8Array[], offset: number): Promise<void> {
    return this.#disk.writing("write", this.#path, async () => {
      const bytes = lengthOf(vectors);
      const isDone = bytes >= directBytesMin && (await this.#writeBlocks(vectors, offset, bytes));
      if (!isDone) await writeAll(this.#handle, vectors, offset);
    });
  }

  /**
   * Fdatasync makes the length durable, too; the times, which it leaves out, do not matter here.
   */
  sync(): Promise<void> {
    return this.#disk.writing("sync", this.#path, () => this.#handle.datasync());
  }

  /** Writes and syncs in one call, one promise: a small PUT waits for it. */
  writeDurably(vectors: readonly Uint8Array[], offset: number): Promise<void> {
    const bytes = lengthOf(vectors);
    const synced = this.#synced;
    if (synced !== undefined && bytes < directBytesMin) {
      return this.#disk.writingOnce("write", this.#path, (done) => {
        this.#syncedWrites++;
        writeVectors(synced.fd, vectors, offset, (error) => {
          this.#syncedWrites--;
          done(error);
        });
      });
    }
    return this.#disk.writing("write", this.#path, async () => {
      if (bytes < directBytesMin) {
        this.#openedSynced ??= this.#openSynced();
        this.#synced = await this.#openedSynced;
        if (this.#synced !== undefined) return writeAll(this.#synced, vectors, offset);
      }
      const isDone = bytes >= directBytesMin && (await this.#writeBlocks(vectors, offset, bytes));
      if (!isDone) await writeAll(this.#handle, vectors, offset);
      await this.#handle.datasync();
    });
  }

  size(): Promise<number> {
    return this.#disk.reading("size", this.#path, async () => (await this.#handle.stat()).size);
  }

  isInPlace(head?: Uint8Array): boolean {
    return this.#disk.atOnce("look for", this.#path, () => {
      if (head !== undefined) {
        const bytes = readSync(this.#handle.fd, head, 0, head.length, 0);
        head.fill(0, bytes);
      }
      return this.#isSame(statOf(this.#disk.inside(this.#path)));
    });
  }

  close(): Promise<void> {
    return this.#disk.reading("close", this.#path, async () => {
      const [direct, synced] = await Promise.all([this.#direct, this.#openedSynced]);
      assert(this.#syncedWrites === 0, "a file is closed while it is written");
      await Promise.all([this.#handle.close(), direct?.close(), synced?.close()]);
    });
  }

  #isSame(other: BigIntStats | undefined): boolean {
    this.#own ??= fstatSync(this.#handle.fd, { bigint: true });
    return other?.ino === this.#own.ino && other.dev === this.#own.dev;
  }

  /**
   * It is opened by its path once more, where another file may stand by now: that one must not be
   * written.
   */
  async #openDirect(): Promise<DirectFile | undefined> {
    const path = this.#disk.inside(this.#path);
    const direct = await DirectFile.open(path, this.#disk.writeBuffers);
    if (direct === undefined || this.#isSame(await direct.stat())) return direct;
    await direct.close();
    return undefined;
  }

  /** Opens the file for synced writes, once more by its path, as above. */
  async #openSynced(): Promise<FileHandle | undefined> {
    if (syncedWrites === undefined) return undefined;
    let synced: FileHandle;
    try {
      synced = await open(this.#disk.inside(this.#path), constants.O_RDWR | syncedWrites);
    } catch (error) {
      if (kinds[codeOf(error)] === "missing") return undefined;
      throw error;
    }
    if (this.#isSame(await synced.stat({ bigint: true }))) return synced;
    await synced.close();
    return undefined;
  }

  /**
   * Whole blocks directly, what stands before and behind them as usual: each page has just one way.
   * False where the file can't be written so.
   */
  async #writeBlocks(
    vectors: readonly Uint8Array[],
    offset: number,
    bytes: number,
  ): Promise<boolean> {
    this.#direct ??= this.#openDirect();
    const direct = await this.#direct;
    if (direct === undefined) return false;
    const first = Math.ceil(offset / directBlockBytes) * directBlockBytes;
    const end = Math.floor((offset + bytes) / directBlockBytes) * directBlockBytes;
    await writeAll(this.#handle, firstBytes(vectors, first - offset), offset);
    const blocks = firstBytes(afterBytes(vectors, first - offset), end - first);
    if ((await direct.write(blocks, first)) === "unsupported") {
      this.#direct = Promise.resolve(undefined);
      await direct.close();
      return false;
    }
    await writeAll(this.#handle, afterBytes(vectors, end - offset), end);
    return true;
  }
}

function writeAll(
  { fd }: FileHandle,
  vectors: readonly Uint8Array[],
  offset: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    writeVectors(fd, vectors, offset, (error) => (error === null ? resolve() : reject(error)));
  });
}

type Done = (error: Error | null) => void;

/** Writes all of them, in one call where the system takes them at once. */
function writeVectors(
  fd: number,
  vectors: readonly Uint8Array[],
  offset: number,
  done: Done,
): void {
  const rest = vectors.filter((vector) => vector.length > 0);
  if (rest.length === 0) {
    done(null);
    return;
  }
  writev(fd, rest, offset, (error, bytesWritten) => {
    if (error !== null) done(error);
    else if (bytesWritten === 0) done(new Error("nothing was written"));
    else writeVectors(fd, afterBytes(rest, bytesWritten), offset + bytesWritten, done);
  });
}

/** Undefined where there is no file. */
function statOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (kinds[codeOf(error)] === "missing") return undefined;
    throw error;
  }
}
