import type { DiskId, StoreId } from "../../format/ids.ts";

export interface StoreDirectory {
  /** The path as the operator named it, made absolute. */
  readonly path: string;
  readonly disk: DiskId;
}

/** The facts a process needs to open the store; the locks stay with the process that took them. */
export interface StoreLocation {
  readonly store: StoreId;
  /** The first holds the index. */
  readonly directories: readonly StoreDirectory[];
  /** The disks that the store had when it was opened, also those that were missing. */
  readonly known: number;
  /**
   * The index's generation when the store was opened: no process may see a lower one from then on.
   */
  readonly generation: number;
}
