import { assert } from "../base/assert.ts";
import { DiskError } from "../platform/disk.ts";
import type { Disk, DiskFile, DiskSpace } from "../platform/disk.ts";
import { Inode } from "./disk/inode.ts";
import { Directory, directoryAt, filesBelow, inodesBelow, locate } from "./disk/tree.ts";
import type { SimProcess } from "./process.ts";
import type { SeededRandom } from "../platform/seeded-random.ts";

/*
 * A data directory on a simulated device: durable is what POSIX says, and no more (disk/inode.ts,
 * disk/tree.ts). The device outlives processes; each of them works through a view of its own, and
 * several may open one file.
 */

/** How long operations take, in milliseconds, each drawn between the two. */
const latencyMs = { cached: [0.01, 0.06], write: [0.02, 0.2], sync: [0.1, 2] } as const;
/** Writes come apart at sectors. */
const cutBytes = 512;
/** A stall: garbage collection in an SSD, a retried sector. */
const stallMs = [20, 4000] as const;

const roomyBytes = 2 ** 40;

export type OutOfOrder = "vanished" | "readOnly";

interface Handle {
  readonly process: SimProcess;
  readonly inode: Inode;
}

export interface SimDiskOptions {
  readonly name: string;
  readonly random: SeededRandom;
  readonly capacityBytes?: number | undefined;
  /** Chance that an operation stalls. */
  readonly stallShare: number;
  /** Called where a process makes a file. */
  readonly onMade?: ((path: string) => void) | undefined;
}

export class SimDisk {
  readonly name: string;
  readonly #random: SeededRandom;
  readonly #root = new Directory();
  readonly #stallShare: number;
  readonly #onMade: ((path: string) => void) | undefined;
  /** Open files: their bytes take space even once the name is gone. */
  readonly #handles = new Set<Handle>();
  capacityBytes = roomyBytes;
  outOfOrder: OutOfOrder | undefined;
  /** Called where a process is about to change anything. */
  onChange: (() => void) | undefined;
  /** Any of so many syncs or writes from now on may fail. */
  syncsInDoubt = 0;
  writesInDoubt = 0;

  constructor(options: SimDiskOptions) {
    this.name = options.name;
    this.#random = options.random;
    this.#stallShare = options.stallShare;
    this.#onMade = options.onMade;
    if (options.capacityBytes !== undefined) this.capacityBytes = options.capacityBytes;
  }

  /** The disk as one process sees it. */
  view(process: SimProcess): Disk {
    return new DiskView(this, process);
  }

  /** Power is cut: all processes must be dead. */
  crash(): void {
    this.#handles.clear();
    this.#root.crash(this.#random);
  }

  /** Its capacity is unlimited by default. */
  makeSpace(): void {
    this.capacityBytes = roomyBytes;
  }

  files(): Map<string, Inode> {
    return new Map(filesBelow(this.#root));
  }

  bytesUsed(): number {
    const inodes = new Set(inodesBelow(this.#root));
    for (const handle of this.#handles) {
      if (handle.process.alive) inodes.add(handle.inode);
      else this.#handles.delete(handle);
    }
    let bytes = 0;
    for (const inode of inodes) bytes += inode.length;
    return bytes;
  }

  latency(kind: keyof typeof latencyMs): number {
    const stalls = this.#stallShare > 0 && this.#random.chance(this.#stallShare);
    const [least, most] = stalls ? stallMs : latencyMs[kind];
    return least + this.#random.unit() * (most - least);
  }

  /** How much of a write is done at once: nothing, all, or some sectors; the rest follows later. */
  cutOf(bytes: number, offset: number): number {
    const some = offset + this.#random.below(bytes + 1);
    return this.#random.pick([0, bytes, Math.max(0, some - (some % cutBytes) - offset)]);
  }

  open(process: SimProcess, path: string, mode: "read" | "write" | "create"): Handle {
    if (mode === "read") this.#assertThere();
    else this.#assertWritable();
    const { directory, name } = locate(this.#root, path);
    const node = directory.get(name);
    if (mode !== "create" && !(node instanceof Inode)) throw missing(this.name, path);
    if (mode === "create" && node !== undefined) {
      throw new DiskError("exists", `${this.name}/${path} exists`);
    }
    const inode = node instanceof Inode ? node : new Inode();
    if (node === undefined) {
      directory.change([{ name, node: inode }]);
      this.#onMade?.(path);
    }
    const handle = { process, inode };
    this.#handles.add(handle);
    return handle;
  }

  isAt(path: string, inode: Inode): boolean {
    if (this.outOfOrder === "vanished") return false;
    const { directory, name } = locate(this.#root, path);
    return directory.get(name) === inode;
  }

  close(handle: Handle): void {
    this.#handles.delete(handle);
  }

  read(inode: Inode, buffer: Uint8Array, offset: number): number {
    this.#assertThere();
    if (!inode.isReadable(offset, buffer.length)) {
      throw new DiskError("io", `${this.name}: a sector can't be read`);
    }
    return inode.read(buffer, offset);
  }

  /** The bytes are kept: nobody may change them. */
  write(inode: Inode, bytes: Uint8Array, offset: number): void {
    this.#assertWritable();
    if (this.#fails("writesInDoubt")) {
      inode.write(bytes.subarray(0, this.#random.below(bytes.length + 1)), offset);
      throw new DiskError("io", `${this.name}: write failed`);
    }
    const grows = offset + bytes.length - inode.length;
    // No run fills a disk of unlimited size: most writes need not look at each file.
    const space = this.capacityBytes === roomyBytes ? grows : this.capacityBytes - this.bytesUsed();
    if (grows > Math.max(space, 0)) {
      inode.write(
        bytes.subarray(0, Math.max(0, bytes.length - grows + Math.max(space, 0))),
        offset,
      );
      throw new DiskError("full", `${this.name}: no space left`);
    }
    inode.write(bytes, offset);
  }

  sync(inode: Inode): void {
    this.#assertThere();
    if (this.#fails("syncsInDoubt")) {
      inode.failSync(this.#random);
      throw new DiskError("io", `${this.name}: sync failed`);
    }
    inode.sync();
  }

  list(path: string): string[] {
    this.#assertThere();
    return directoryAt(this.#root, path).names();
  }

  makeDirectory(path: string): void {
    this.#assertWritable();
    const { directory, name } = locate(this.#root, path);
    const node = directory.get(name);
    if (node instanceof Inode) throw new DiskError("exists", `${this.name}/${path} is a file`);
    if (node === undefined) directory.change([{ name, node: new Directory() }]);
  }

  rename(from: string, to: string): void {
    this.#assertWritable();
    const source = locate(this.#root, from);
    const target = locate(this.#root, to);
    assert(source.directory === target.directory, "only renames within a directory are simulated");
    const node = source.directory.get(source.name);
    if (node === undefined) throw missing(this.name, from);
    source.directory.change([
      { name: source.name, node: undefined },
      { name: target.name, node },
    ]);
  }

  remove(path: string): void {
    this.#assertWritable();
    const { directory, name } = locate(this.#root, path);
    if (!(directory.get(name) instanceof Inode)) throw missing(this.name, path);
    directory.change([{ name, node: undefined }]);
  }

  /** Somebody removes a file, or puts another in its place: durable at once. */
  takeAway(path: string, replacement: Inode | undefined): void {
    const { directory, name } = locate(this.#root, path);
    directory.change([{ name, node: replacement }]);
    directory.sync();
  }

  syncDirectory(path: string): void {
    this.#assertThere();
    const directory = directoryAt(this.#root, path);
    if (this.#fails("syncsInDoubt")) throw new DiskError("io", `${this.name}: sync failed`);
    directory.sync();
  }

  #fails(which: "syncsInDoubt" | "writesInDoubt"): boolean {
    if (this[which] === 0) return false;
    this[which]--;
    return this.#random.chance(0.5);
  }

  #assertThere(): void {
    if (this.outOfOrder === "vanished") throw new DiskError("missing", `${this.name} is not there`);
  }

  #assertWritable(): void {
    this.#assertThere();
    this.onChange?.();
    if (this.outOfOrder === "readOnly") {
      throw new DiskError("read_only", `${this.name} is mounted read-only`);
    }
  }
}

/** A part of what vectors have together, as it is now. */
function copyOf(vectors: readonly Uint8Array[], start: number, end: number): Uint8Array {
  const copy = new Uint8Array(end - start);
  let at = 0;
  for (const vector of vectors) {
    const from = Math.max(start, at);
    const to = Math.min(end, at + vector.length);
    if (from < to) copy.set(vector.subarray(from - at, to - at), from - start);
    at += vector.length;
  }
  return copy;
}

function missing(disk: string, path: string): DiskError {
  return new DiskError("missing", `no file ${disk}/${path}`);
}

class DiskView implements Disk {
  readonly name: string;
  readonly #disk: SimDisk;
  readonly #process: SimProcess;

  constructor(disk: SimDisk, process: SimProcess) {
    this.name = disk.name;
    this.#disk = disk;
    this.#process = process;
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    const handle = await this.#perform(`file ${mode}`, "cached", () =>
      this.#disk.open(this.#process, path, mode),
    );
    return new FileView(this.#disk, path, handle);
  }

  list(directory: string): Promise<string[]> {
    return this.#perform("directory list", "cached", () => this.#disk.list(directory));
  }

  makeDirectory(path: string): Promise<void> {
    return this.#perform("directory make", "cached", () => this.#disk.makeDirectory(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#perform("file rename", "cached", () => this.#disk.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#perform("file remove", "cached", () => this.#disk.remove(path));
  }

  syncDirectory(path: string): Promise<void> {
    return this.#perform("directory sync", "sync", () => this.#disk.syncDirectory(path));
  }

  space(): Promise<DiskSpace> {
    return this.#perform("disk space", "cached", () => {
      const bytesTotal = this.#disk.capacityBytes;
      this.#disk.list("");
      const bytesFree = Math.max(0, bytesTotal - this.#disk.bytesUsed());
      const isReadOnly = this.#disk.outOfOrder === "readOnly";
      return { bytesTotal, bytesFree, isReadOnly, fileSystem: this.name };
    });
  }

  #perform<T>(point: string, kind: keyof typeof latencyMs, effect: () => T): Promise<T> {
    return this.#process.perform(point, this.#disk.latency(kind), effect);
  }
}

/** Bytes before this hold an extent's header, with its epoch: only to name what a crash cuts. */
const headerBytes = 8192;

class FileView implements DiskFile {
  readonly #disk: SimDisk;
  readonly #path: string;
  readonly #handle: Handle;
  #open = true;
  #wrote = "nothing";

  constructor(disk: SimDisk, path: string, handle: Handle) {
    this.#disk = disk;
    this.#path = path;
    this.#handle = handle;
  }

  read(buffer: Uint8Array, offset: number): Promise<number> {
    const { inode } = this.#handle;
    return this.#perform("file read", "cached", () => this.#disk.read(inode, buffer, offset));
  }

  /**
   * A write is not one instant: its beginning may be there before the rest, and a kill may leave it
   * at that.
   */
  write(vectors: readonly Uint8Array[], offset: number): Promise<void> {
    const { inode, process } = this.#handle;
    this.#wrote = offset < headerBytes ? "header" : "records";
    const length = vectors.reduce((sum, vector) => sum + vector.length, 0);
    const cut = this.#disk.cutOf(length, offset);
    let failure: unknown;
    if (cut > 0 && process.alive) {
      try {
        this.#disk.write(inode, copyOf(vectors, 0, cut), offset);
      } catch (error) {
        failure = error;
      }
    }
    return this.#perform(`${this.#wrote} write`, "write", () => {
      if (failure !== undefined) throw failure;
      if (cut < length) this.#disk.write(inode, copyOf(vectors, cut, length), offset + cut);
    });
  }

  sync(): Promise<void> {
    return this.#perform(`${this.#wrote} sync`, "sync", () => this.#disk.sync(this.#handle.inode));
  }

  async writeDurably(vectors: readonly Uint8Array[], offset: number): Promise<void> {
    await this.write(vectors, offset);
    await this.sync();
  }

  size(): Promise<number> {
    return this.#perform("file size", "cached", () => this.#handle.inode.length);
  }

  isInPlace(head?: Uint8Array): Promise<boolean> {
    const { inode } = this.#handle;
    return this.#perform("file look", "cached", () => {
      if (head !== undefined) this.#disk.read(inode, head.fill(0), 0);
      return this.#disk.isAt(this.#path, inode);
    });
  }

  async close(): Promise<void> {
    if (this.#open) this.#disk.close(this.#handle);
    this.#open = false;
  }

  #perform<T>(point: string, kind: keyof typeof latencyMs, effect: () => T): Promise<T> {
    assert(this.#open, "the file is closed");
    return this.#handle.process.perform(point, this.#disk.latency(kind), effect);
  }
}
