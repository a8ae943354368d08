import type { ExtentDisks } from "../extent/extent-files.ts";
import type { ExtentReader } from "../extent/extent-reader.ts";
import type { ExtentTable } from "../extent/extent-table.ts";
import type { Platform } from "../platform/platform.ts";

/** The parts that background work needs to look into extents. */
export interface StoragePlane {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  readonly reader: ExtentReader;
}
