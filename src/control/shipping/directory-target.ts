import type { Disk } from "../../platform/disk.ts";
import { isDiskError } from "../../platform/disk.ts";
import type { ShippingTarget } from "../../platform/shipping-target.ts";

/** A file that is being written is called so. */
const unfinishedSuffix = ".new";

/** A directory as a target: each file is written under another name, synced, and renamed. */
export class DirectoryTarget implements ShippingTarget {
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  get name(): string {
    return this.#disk.name;
  }

  async list(directory: string): Promise<string[]> {
    try {
      const names = await this.#disk.list(directory);
      const whole = names.filter((name) => !name.endsWith(unfinishedSuffix));
      return whole.map((name) => `${directory}/${name}`);
    } catch (error) {
      if (isDiskError(error, "missing")) return [];
      throw error;
    }
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    const disk = this.#disk;
    const directory = await this.#makeDirectories(name);
    const unfinished = name + unfinishedSuffix;
    await this.remove(unfinished);
    const file = await disk.open(unfinished, "create");
    try {
      await file.writeDurably([bytes], 0);
    } finally {
      await file.close();
    }
    await disk.rename(unfinished, name);
    await disk.syncDirectory(directory);
  }

  async get(name: string): Promise<Uint8Array> {
    const file = await this.#disk.open(name, "read");
    try {
      const bytes = new Uint8Array(await file.size());
      return bytes.subarray(0, await file.read(bytes, 0));
    } finally {
      await file.close();
    }
  }

  async remove(name: string): Promise<void> {
    try {
      await this.#disk.remove(name);
    } catch (error) {
      if (!isDiskError(error, "missing")) throw error;
    }
  }

  /** Makes the directories that the name stands in; the last of them. */
  async #makeDirectories(name: string): Promise<string> {
    let parent = "";
    for (const word of name.split("/").slice(0, -1)) {
      const directory = parent === "" ? word : `${parent}/${word}`;
      await this.#disk.makeDirectory(directory);
      await this.#disk.syncDirectory(parent);
      parent = directory;
    }
    return parent;
  }
}
