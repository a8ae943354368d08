import type { Ready } from "../base/ready.ts";
import type { Disk, DiskFile, DiskSpace } from "../platform/disk.ts";

interface ByteCounts {
  bytesRead: number;
  bytesWritten: number;
}

/** The same disk; what is read from its files, and written to them, is counted. */
export class MeteredDisk implements Disk {
  readonly #disk: Disk;
  readonly #meter: ByteCounts;

  constructor(disk: Disk, meter: ByteCounts) {
    this.#disk = disk;
    this.#meter = meter;
  }

  get name(): string {
    return this.#disk.name;
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    return new MeteredFile(await this.#disk.open(path, mode), this.#meter);
  }

  list(directory: string): Promise<string[]> {
    return this.#disk.list(directory);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#disk.makeDirectory(path);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#disk.rename(from, to);
  }

  remove(path: string): Promise<void> {
    return this.#disk.remove(path);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#disk.syncDirectory(path);
  }

  space(): Promise<DiskSpace> {
    return this.#disk.space();
  }
}

class MeteredFile implements DiskFile {
  readonly #file: DiskFile;
  readonly #meter: ByteCounts;

  constructor(file: DiskFile, meter: ByteCounts) {
    this.#file = file;
    this.#meter = meter;
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    const bytes = await this.#file.read(buffer, offset);
    this.#meter.bytesRead += bytes;
    return bytes;
  }

  async write(vectors: readonly Uint8Array[], offset: number): Promise<void> {
    await this.#file.write(vectors, offset);
    this.#count(vectors);
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  async writeDurably(vectors: readonly Uint8Array[], offset: number): Promise<void> {
    await this.#file.writeDurably(vectors, offset);
    this.#count(vectors);
  }

  size(): Promise<number> {
    return this.#file.size();
  }

  isInPlace(head?: Uint8Array): Ready<boolean> {
    return this.#file.isInPlace(head);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #count(vectors: readonly Uint8Array[]): void {
    for (const { length } of vectors) this.#meter.bytesWritten += length;
  }
}
