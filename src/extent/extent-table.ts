import type { ExtentRow, LostExtentRow } from "../format/extent-row.ts";
import type { ChangeId, ExtentId } from "../format/ids.ts";

export interface ExtentEntry {
  readonly id: ExtentId;
  readonly row: ExtentRow;
  readonly stamp: ChangeId;
}

/**
 * The extent table as the storage plane needs it; the keymap keeps it in the system partition.
 * Every change is durable once answered. Methods throw StoreError as the engine does, and `unknown`
 * where the outcome cannot be found.
 */
export interface ExtentTable {
  /**
   * Gives the extent an id that was never used and commits its row, before any file of it exists.
   */
  create(row: ExtentRow): Promise<ExtentEntry>;
  get(id: ExtentId): Promise<ExtentEntry | undefined>;
  /** Replaces the row if nobody did since `entry` was read. */
  replace(entry: ExtentEntry, row: ExtentRow): Promise<ExtentEntry | "conflict">;
  remove(entry: ExtentEntry): Promise<"ok" | "conflict">;
  /** Lists extents with records whose file is missing or damaged. */
  listLost(limit: number): Promise<LostExtentRow[]>;
  /** Lists rows in order of id, from the first id greater than `after`. */
  list(after: ExtentId | undefined, limit: number): Promise<ExtentEntry[]>;
}
