import type { ExtentRow, ShortExtentRow } from "../format/extent-row.ts";
import type { ChangeId, DiskId, ExtentId } from "../format/ids.ts";

export interface ExtentEntry {
  readonly id: ExtentId;
  readonly row: ExtentRow;
  readonly stamp: ChangeId;
}

export interface ShortExtent {
  readonly id: ExtentId;
  readonly short: ShortExtentRow;
}

/**
 * The extent table as the storage plane needs it; the keymap keeps it in the system partition.
 * Every change is durable once answered. Methods throw StoreError as the engine does, and `unknown`
 * where the outcome cannot be found.
 */
export interface ExtentTable {
  /**
   * Gives the extent an id that was never used and commits its row, before any file of it exists.
   * Nothing is made where the disk of a member takes no new ones by then.
   */
  create(row: ExtentRow): Promise<ExtentEntry | { readonly refusedBy: DiskId }>;
  get(id: ExtentId): Promise<ExtentEntry | undefined>;
  /**
   * Replaces the row if nobody did since `entry` was read. StoreError `unavailable` where it has a
   * file on a disk that it had none on, and that takes no new ones by now.
   */
  replace(entry: ExtentEntry, row: ExtentRow): Promise<ExtentEntry | "conflict">;
  remove(entry: ExtentEntry): Promise<"ok" | "conflict">;
  /**
   * Lists extents with members that are not whole, in order of id, from the first id greater than
   * `after`.
   */
  listShort(after: ExtentId | undefined, limit: number): Promise<ShortExtent[]>;
  /** Lists rows in order of id, from the first id greater than `after`. */
  list(after: ExtentId | undefined, limit: number): Promise<ExtentEntry[]>;
}
