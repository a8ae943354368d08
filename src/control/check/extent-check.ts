import { isStoreError, messageOf } from "../../base/errors.ts";
import { isDiskError } from "../../platform/disk.ts";
import type { DataDisk, ExtentDisks } from "../../extent/extent-files.ts";
import { extentPath, extentsDirectory } from "../../extent/extent-files.ts";
import { scanRecords } from "../../extent/extent-scan.ts";
import type { ExtentEntry, ExtentTable } from "../../extent/extent-table.ts";
import { decodeExtentHeader } from "../../format/extent-header.ts";
import type { ExtentId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { DiskFile } from "../../platform/disk.ts";
import type { Platform } from "../../platform/platform.ts";
import { openExtent } from "../extents/extent-walk.ts";
import type { Liveness } from "../extents/liveness.ts";
import type { CheckNotes } from "./report.ts";

export interface ExtentCheckOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  readonly liveness: Liveness;
  readonly notes: CheckNotes;
  readonly signal: AbortSignal;
  progress(): void;
}

/** Extent rows read at once, about 100 bytes each. */
const extentsAtOnce = 256;

/** Every checksum of every extent, and how many rows refer to each record. */
export async function checkExtents(options: ExtentCheckOptions): Promise<void> {
  const { table, notes } = options;
  let after: ExtentId | undefined;
  for (;;) {
    const entries = await table.list(after, extentsAtOnce);
    for (const entry of entries) {
      after = entry.id;
      notes.counts.extents++;
      await checkExtent(options, entry);
      options.progress();
    }
    if (entries.length < extentsAtOnce) return;
  }
}

async function checkExtent(options: ExtentCheckOptions, entry: ExtentEntry): Promise<void> {
  const { disks, table, notes } = options;
  // A file goes before its row; and nothing is in an extent of no length.
  const isEmpty = entry.row.state !== "open" && entry.row.length <= extentHeaderBytes;
  if (entry.row.state === "dropping" || isEmpty) return;
  try {
    const file = await openExtent(disks, entry);
    try {
      await checkFile(options, entry, file);
    } finally {
      await file.close();
    }
  } catch (thrown) {
    if (!isStoreError(thrown) && !isDiskError(thrown)) throw thrown;
    const now = await table.get(entry.id);
    // Its file is made after its row, and is gone before it.
    if (now === undefined || now.row.state === "dropping" || now.row.state === "open") return;
    const isMissing = isStoreError(thrown, "missing") || isDiskError(thrown, "missing");
    notes.problem(isMissing ? "missing" : "corrupt", `extent ${entry.id}`, messageOf(thrown));
  }
}

async function checkFile(
  options: ExtentCheckOptions,
  entry: ExtentEntry,
  file: DiskFile,
): Promise<void> {
  const { platform, notes, signal } = options;
  await checkHeader(options, entry, file);
  const isOpen = entry.row.state === "open";
  const to = isOpen ? undefined : entry.row.length;
  let end = extentHeaderBytes;
  const scan = { platform, file, extent: entry.id, from: end, to, signal };
  for await (const record of scanRecords(scan)) {
    const where = `extent ${entry.id}, record at ${record.offset}`;
    // Behind the last synced record of an open extent anything may lie.
    if (record.payloadError !== undefined && isOpen) return;
    if (record.payloadError !== undefined) {
      notes.problem("corrupt", where, messageOf(record.payloadError));
    }
    notes.counts.records++;
    const referents = await options.liveness.countReferents(record.header);
    if (referents === 0) notes.counts.unreferencedBytes += record.end - record.offset;
    else notes.counts.aliveBytes += record.end - record.offset;
    if (referents > 1) notes.problem("doubled", where, `${referents} rows refer to it`);
    end = record.end;
  }
  if (to !== undefined && end !== to) {
    notes.problem("corrupt", `extent ${entry.id}`, `no record at ${end}, before its end at ${to}`);
  }
}

async function checkHeader(
  { platform, disks, notes }: ExtentCheckOptions,
  { id, row }: ExtentEntry,
  file: DiskFile,
): Promise<void> {
  const bytes = new Uint8Array(extentHeaderBytes);
  const length = await file.read(bytes, 0);
  const header = decodeExtentHeader(platform.hash, bytes.subarray(0, length));
  const isOwn =
    header.extent === id &&
    header.store === disks.store &&
    header.session === row.session &&
    row.members[header.member]?.disk === header.disk;
  if (!isOwn) notes.problem("inconsistent", `extent ${id}`, "its file says it is another");
}

/** Files below extents/ that no row of the extent table has on that disk. */
export async function checkStrays(options: ExtentCheckOptions): Promise<void> {
  for (const disk of options.disks.disks) {
    for (const folder of await listed(disk, extentsDirectory)) {
      const directory = `${extentsDirectory}/${folder}`;
      for (const name of await listed(disk, directory)) {
        options.signal.throwIfAborted();
        options.notes.counts.files++;
        await checkFileName(options, disk, directory, name);
      }
      options.progress();
    }
  }
}

async function checkFileName(
  { table, notes }: ExtentCheckOptions,
  disk: DataDisk,
  directory: string,
  name: string,
): Promise<void> {
  const path = `${directory}/${name}`;
  const id = Number.parseInt(name, 16) as ExtentId; // compared with the name it would give
  const isOurs = Number.isSafeInteger(id) && extentPath(id) === path;
  const entry = isOurs ? await table.get(id) : undefined;
  if (entry?.row.members.some((member) => member.disk === disk.id) === true) return;
  // Dropped while we looked: then it has gone.
  if (!(await listed(disk, directory)).includes(name)) return;
  notes.problem("stray", `${disk.disk.name}/${path}`, "no row knows this file");
}

async function listed({ disk }: DataDisk, directory: string): Promise<string[]> {
  try {
    return await disk.list(directory);
  } catch (thrown) {
    if (isDiskError(thrown, "missing")) return [];
    throw thrown;
  }
}
