import { assert } from "../../base/assert.ts";
import { concatBytes } from "../../base/bytes.ts";
import type { Disk, DiskFile, DiskSpace } from "../../platform/disk.ts";
import { DiskError } from "../../platform/disk.ts";

export type DiskOperation =
  | "open"
  | "create"
  | "list"
  | "makeDirectory"
  | "rename"
  | "remove"
  | "syncDirectory"
  | "space"
  | "read"
  | "write"
  | "sync"
  | "isInPlace";

const sectorBytes = 4096;

/**
 * A disk in memory for tests of what stands on disks. Nothing is ever lost in it (that is the
 * simulator's); but every operation asks `before` first, which may throw a DiskError, wait, or look
 * at what is there. A sector that was spoiled cannot be read until all of it is written anew.
 */
export class MemoryDisk implements Disk {
  readonly name: string;
  readonly files = new Map<string, Uint8Array>();
  readonly directories = new Set<string>([""]);
  readonly counts = new Map<DiskOperation, number>();
  bytesFree = 1024 ** 4;
  isReadOnly = false;
  filesOpen = 0;
  bytesRead = 0;
  /** How often another file was given a name. */
  readonly #replacements = new Map<string, number>();
  readonly #spoiled = new Map<string, Set<number>>();
  before: (operation: DiskOperation, path: string) => void | Promise<void> = () => {};

  constructor(name = "/data") {
    this.name = name;
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    await this.begin(mode === "create" ? "create" : "open", path);
    const isThere = this.files.has(path);
    if (mode === "create") {
      if (isThere) throw new DiskError("exists", `${this.name}/${path}: exists`);
      this.#assertDirectory(parentOf(path));
      this.replace(path, new Uint8Array(0));
    } else if (!isThere) throw new DiskError("missing", `${this.name}/${path}: no such file`);
    this.filesOpen++;
    return new MemoryFile(this, path);
  }

  async list(directory: string): Promise<string[]> {
    await this.begin("list", directory);
    this.#assertDirectory(directory);
    const prefix = directory === "" ? "" : `${directory}/`;
    const paths = [...this.files.keys(), ...this.directories].filter((path) => path !== "");
    const inside = paths.filter((path) => path.startsWith(prefix));
    return [...new Set(inside.map((path) => path.slice(prefix.length).split("/")[0]!))];
  }

  async makeDirectory(path: string): Promise<void> {
    await this.begin("makeDirectory", path);
    this.#assertDirectory(parentOf(path));
    this.directories.add(path);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.begin("rename", from);
    this.replace(to, this.bytesOf(from));
    this.files.delete(from);
  }

  async remove(path: string): Promise<void> {
    await this.begin("remove", path);
    this.bytesOf(path);
    this.files.delete(path);
  }

  async syncDirectory(path: string): Promise<void> {
    await this.begin("syncDirectory", path);
    this.#assertDirectory(path);
  }

  async space(): Promise<DiskSpace> {
    await this.begin("space", "");
    const { bytesFree, isReadOnly, name: fileSystem } = this;
    return { bytesTotal: 1024 ** 4, bytesFree, isReadOnly, fileSystem };
  }

  /** Gives the name to another file: who has the one before open keeps that. */
  replace(path: string, bytes: Uint8Array): void {
    this.#replacements.set(path, this.replacementsOf(path) + 1);
    this.#spoiled.delete(path);
    this.files.set(path, bytes);
  }

  /** The sector around this byte of the file cannot be read any more. */
  spoilSector(path: string, offset: number): void {
    const sectors = this.#spoiled.get(path) ?? new Set();
    this.#spoiled.set(path, sectors.add(Math.floor(offset / sectorBytes)));
  }

  /** DiskError where one of these bytes is in a sector that cannot be read. */
  assertReadable(path: string, offset: number, bytes: number): void {
    for (const sector of this.#spoiled.get(path) ?? []) {
      const start = sector * sectorBytes;
      if (start < offset + bytes && start + sectorBytes > offset) {
        throw new DiskError("io", `${this.name}/${path}: the sector at ${start} can't be read`);
      }
    }
  }

  /** DiskError where a sector that cannot be read is written in part: its rest would be lost. */
  written(path: string, offset: number, bytes: number): void {
    const length = this.bytesOf(path).length;
    const sectors = this.#spoiled.get(path) ?? new Set();
    for (const sector of sectors) {
      const start = sector * sectorBytes;
      const end = Math.min(start + sectorBytes, length);
      if (offset <= start && offset + bytes >= end) sectors.delete(sector);
    }
    this.assertReadable(path, offset, bytes);
  }

  replacementsOf(path: string): number {
    return this.#replacements.get(path) ?? 0;
  }

  async begin(operation: DiskOperation, path: string): Promise<void> {
    this.counts.set(operation, this.count(operation) + 1);
    await this.before(operation, path);
  }

  count(operation: DiskOperation): number {
    return this.counts.get(operation) ?? 0;
  }

  bytesOf(path: string): Uint8Array {
    const bytes = this.files.get(path);
    if (bytes === undefined) throw new DiskError("missing", `${this.name}/${path}: no such file`);
    return bytes;
  }

  #assertDirectory(path: string): void {
    if (!this.directories.has(path)) {
      throw new DiskError("missing", `${this.name}/${path}: no such directory`);
    }
  }
}

class MemoryFile implements DiskFile {
  readonly #disk: MemoryDisk;
  readonly #path: string;
  readonly #replacements: number;
  /** The bytes of a file that has no name any more: only who has it open sees them. */
  #unnamed: Uint8Array | undefined;
  #lastSeen: Uint8Array;
  #isOpen = true;

  constructor(disk: MemoryDisk, path: string) {
    this.#disk = disk;
    this.#path = path;
    this.#replacements = disk.replacementsOf(path);
    this.#lastSeen = disk.bytesOf(path);
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    await this.#begin("read");
    const bytes = this.#bytes().subarray(offset, offset + buffer.length);
    this.#disk.assertReadable(this.#path, offset, bytes.length);
    buffer.set(bytes);
    this.#disk.bytesRead += bytes.length;
    return bytes.length;
  }

  async write(vectors: readonly Uint8Array[], offset: number): Promise<void> {
    await this.#begin("write");
    const added = concatBytes(vectors);
    const before = this.#bytes();
    if (this.#unnamed === undefined) this.#disk.written(this.#path, offset, added.length);
    const after = new Uint8Array(Math.max(before.length, offset + added.length));
    after.set(before);
    after.set(added, offset);
    if (this.#unnamed === undefined) this.#disk.files.set(this.#path, after);
    else this.#unnamed = after;
    this.#lastSeen = after;
  }

  async sync(): Promise<void> {
    await this.#begin("sync");
  }

  async writeDurably(vectors: readonly Uint8Array[], offset: number): Promise<void> {
    await this.write(vectors, offset);
    await this.sync();
  }

  async size(): Promise<number> {
    return this.#bytes().length;
  }

  async isInPlace(head?: Uint8Array): Promise<boolean> {
    await this.#begin("isInPlace");
    const bytes = this.#bytes();
    this.#disk.assertReadable(this.#path, 0, head?.length ?? 0);
    head?.fill(0).set(bytes.subarray(0, head.length));
    return this.#unnamed === undefined;
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    this.#disk.filesOpen--;
  }

  #begin(operation: DiskOperation): void | Promise<void> {
    assert(this.#isOpen, "the file is closed");
    return this.#disk.begin(operation, this.#path);
  }

  #bytes(): Uint8Array {
    if (this.#unnamed !== undefined) return this.#unnamed;
    const named = this.#disk.files.get(this.#path);
    if (named === undefined || this.#disk.replacementsOf(this.#path) !== this.#replacements) {
      this.#unnamed = this.#lastSeen;
      return this.#unnamed;
    }
    this.#lastSeen = named;
    return named;
  }
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}
