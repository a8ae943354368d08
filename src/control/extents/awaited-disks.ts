import type { DataDisk, ExtentDisks } from "../../extent/extent-files.ts";
import { idText } from "../../format/ids.ts";

/** Tells when what waits for a disk need not wait any more: one has come, or was removed. */
export class AwaitedDisks {
  readonly #disks: ExtentDisks;
  #mounted: readonly DataDisk[];
  #removed: string;

  constructor(disks: ExtentDisks) {
    this.#disks = disks;
    this.#mounted = disks.disks;
    this.#removed = this.#removedNow();
  }

  /** True where that happened since this was asked last. */
  haveChanged(): boolean {
    const { disks } = this.#disks;
    const removed = this.#removedNow();
    const isNew = disks.some((disk) => !this.#mounted.includes(disk));
    const isOther = isNew || removed !== this.#removed;
    this.#mounted = disks;
    this.#removed = removed;
    return isOther;
  }

  #removedNow(): string {
    const rows = [...(this.#disks.rows?.values() ?? [])];
    return rows
      .filter(({ state }) => state === "removed")
      .map(({ disk }) => idText(disk))
      .join();
  }
}
