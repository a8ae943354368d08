import { isStoreError, StoreError } from "../../base/errors.ts";
import { readSnapshotRows, removeSnapshot } from "../../extent/snapshot-files.ts";
import type { StoreId } from "../../format/ids.ts";
import { snapshotDirectory, snapshotFile } from "../../format/index-snapshot.ts";
import { logDirectory, logSegmentFile } from "../../format/log-segment.ts";
import { shippedName } from "../../format/shipped-file.ts";
import type { Disk } from "../../platform/disk.ts";
import type { Platform } from "../../platform/platform.ts";
import type { ShippingTarget } from "../../platform/shipping-target.ts";
import { ShippedFiles, type ShippedSnapshot } from "./shipped-files.ts";

export interface FetchOptions {
  readonly platform: Pick<Platform, "hash" | "log">;
  readonly target: ShippingTarget;
  readonly store: StoreId;
  /** An empty directory. */
  readonly to: Disk;
  /** Says which snapshots may be begun with; the newest of them is. */
  readonly isWanted: (snapshot: Pick<ShippedSnapshot, "sequence" | "createdMs">) => boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (files: number, of: number) => void;
}

/**
 * Copies from a target what an index is made again from, in the form that it has on data
 * directories: the newest snapshot that is wanted and whole, and all of the log behind it. Its
 * rows are verified here, the log's records by who reads them. False where the target has nothing
 * of this store's; StoreError `missing` where it has no such snapshot.
 */
export async function fetchShipped(options: FetchOptions): Promise<boolean> {
  const { platform, target, store, to, isWanted, signal } = options;
  const files = await ShippedFiles.list(target, store, signal);
  const found = files.snapshots();
  if (found.length === 0 && files.segments().length === 0) return false;
  for (const snapshot of found.filter(isWanted)) {
    const segments = files.segments().filter(({ last }) => last > snapshot.sequence);
    const of = snapshot.slices.length + segments.length;
    let done = 0;
    const get = async (file: Parameters<typeof shippedName>[1]): Promise<Uint8Array> => {
      const bytes = await target.get(shippedName(store, file), signal);
      options.onProgress(++done, of);
      return bytes;
    };
    try {
      await to.makeDirectory(snapshotDirectory);
      const name = `${snapshotDirectory}/${snapshotFile(snapshot.sequence)}`;
      await writeFile(to, name, snapshot.slices.values().map(get));
      await verify(platform, to, snapshot.sequence);
      await to.makeDirectory(logDirectory);
      for (const segment of segments) {
        const path = `${logDirectory}/${logSegmentFile(segment)}`;
        await writeFile(to, path, [segment].values().map(get));
      }
      return true;
    } catch (error) {
      if (!isStoreError(error, "corrupt")) throw error;
      const { sequence } = snapshot;
      await removeSnapshot(to, sequence);
      platform.log("warn", "shipped_snapshot_damaged", { sequence, message: error.message });
    }
  }
  const dates = found.map(({ createdMs }) => new Date(createdMs).toISOString()).join(", ");
  const there = dates === "" ? "none" : `those of ${dates}`;
  const what = `${target.name} has no good snapshot of the index to begin with`;
  throw new StoreError("missing", `${what}: it has ${there}`);
}

async function writeFile(
  disk: Disk,
  path: string,
  contents: Iterable<Promise<Uint8Array>>,
): Promise<void> {
  const file = await disk.open(path, "create");
  try {
    let end = 0;
    for (const content of contents) {
      const bytes = await content;
      await file.write([bytes], end);
      end += bytes.length;
    }
  } finally {
    await file.close();
  }
}

async function verify(
  { hash }: Pick<Platform, "hash">,
  disk: Disk,
  sequence: number,
): Promise<void> {
  for await (const _ of readSnapshotRows(hash, disk, sequence));
}
