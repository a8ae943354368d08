import { isStoreError } from "../../base/errors.ts";
import type { ExtentDisks } from "../../extent/extent-files.ts";
import type { ExtentReader } from "../../extent/extent-reader.ts";
import type { ScannedHole, ScannedRecord } from "../../extent/extent-scan.ts";
import type { ExtentEntry, ExtentTable } from "../../extent/extent-table.ts";
import { type ExtentView, openExtentView, scanView, sizeOfView } from "../../extent/extent-view.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { Platform } from "../../platform/platform.ts";

/** What background work needs to look into extents. */
export interface StoragePlane {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  readonly reader: ExtentReader;
}

/**
 * All records of a sealed extent, and its holes, in order; payloads are not read. It is walked to
 * its very end: a record that was damaged when the extent was sealed may lie behind its length. A
 * walk without a hole has met all there ever was in it. What one member does not give another may:
 * a hole is one in all of them. StoreError `missing` where too few members are there.
 */
export async function* walkRecords(
  { platform, disks }: Pick<StoragePlane, "platform" | "disks">,
  entry: ExtentEntry,
  signal: AbortSignal,
): AsyncGenerator<ScannedRecord | ScannedHole, void, undefined> {
  const from = extentHeaderBytes;
  let view: ExtentView;
  try {
    view = await openExtentView({ platform, disks }, entry);
  } catch (thrown) {
    if (!isStoreError(thrown, "missing") || entry.row.length > from) throw thrown;
    // Its writer may have died before it made the file; or the disk is not mounted.
    yield { kind: "hole", offset: from, end: from };
    return;
  }
  try {
    const to = Math.max(await sizeOfView(view), entry.row.length);
    yield* scanView(platform, view, { extent: entry.id, from, to, skipPayload: true, signal });
  } finally {
    await view.close();
  }
}

/** How many bytes of it lie within the length of its extent: those that count there. */
export function bytesWithin(
  { row }: ExtentEntry,
  { offset, end }: ScannedRecord | ScannedHole,
): number {
  return Math.max(0, Math.min(end, row.length) - offset);
}
