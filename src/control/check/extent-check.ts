import { isStoreError, messageOf } from "../../base/errors.ts";
import { isDiskError } from "../../platform/disk.ts";
import type { DataDisk, ExtentDisks } from "../../extent/extent-files.ts";
import { memberOfPath } from "../../extent/extent-files.ts";
import type { MemberName, Members } from "../../extent/extent-member.ts";
import type { ScannedHole, ScannedRecord } from "../../extent/extent-scan.ts";
import type { ExtentReader } from "../../extent/extent-reader.ts";
import type { ExtentEntry, ExtentTable } from "../../extent/extent-table.ts";
import { type ExtentView, openExtentView, scanView, sizeOfView } from "../../extent/extent-view.ts";
import { openMember } from "../../extent/open-member.ts";
import { verifyMember } from "../../extent/member-verification.ts";
import { decodeExtentHeader } from "../../format/extent-header.ts";
import { isFileOf } from "../../format/extent-row.ts";
import type { ExtentId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { RecordHeader } from "../../format/record.ts";
import type { Platform } from "../../platform/platform.ts";
import { bytesWithin } from "../extents/extent-walk.ts";
import type { Liveness } from "../extents/liveness.ts";
import type { CheckNotes } from "./report.ts";
import { idText } from "../../format/ids.ts";

export interface ExtentCheckOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  readonly reader: ExtentReader;
  readonly liveness: Liveness;
  readonly notes: CheckNotes;
  readonly signal: AbortSignal;
  progress(): void;
}

/** @limit Extent rows read at once, about 100 bytes each. */
const extentsAtOnce = 256;

/** Checks every checksum of every extent, and how many rows refer to each record. */
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
  const { table, notes } = options;
  // A file goes before its row.
  if (entry.row.state === "dropping") return;
  try {
    const view = await openExtentView(options, entry);
    try {
      await checkContent(options, entry, view);
    } finally {
      await view.close();
    }
  } catch (thrown) {
    if (!isStoreError(thrown) && !isDiskError(thrown)) throw thrown;
    const now = await table.get(entry.id);
    // Its file is made after its row, and is gone before it.
    if (now === undefined || now.row.state === "dropping" || now.row.state === "open") return;
    const isMissing = isStoreError(thrown, "missing");
    // Its writer died before it made the file.
    if (isMissing && now.row.length <= extentHeaderBytes) return;
    notes.problem(isMissing ? "missing" : "corrupt", `extent ${entry.id}`, messageOf(thrown));
  }
}

async function checkContent(
  options: ExtentCheckOptions,
  entry: ExtentEntry,
  view: ExtentView,
): Promise<void> {
  const { platform, signal } = options;
  const isOpen = entry.row.state === "open";
  const to = isOpen ? undefined : Math.max(await sizeOfView(view), entry.row.length);
  // Its writer may have died before the header was whole.
  if (to !== undefined && to <= extentHeaderBytes) return;
  await checkMembers(options, entry);
  const range = { extent: entry.id, from: extentHeaderBytes, to, signal };
  for await (const seen of scanView(platform, view, range)) {
    if (seen.kind === "record") await checkRecord(options, entry, seen);
    else if (!isOpen) countUnreadable(options, entry, seen);
  }
}

/**
 * Where there are several members, whoever reads does not see what is wrong with one of them: so
 * each is read for itself as well.
 */
async function checkMembers(options: ExtentCheckOptions, entry: ExtentEntry): Promise<void> {
  const { notes, signal } = options;
  const { members, state } = entry.row;
  if (members.length === 1) await checkHeader(options, entry, 0);
  if (members.length === 1 || state === "open") return;
  const roots = new Map<number, number>();
  for (const [member, { state: noted }] of members.entries()) {
    // It is known to end too early, and is made whole by repair.
    if (noted === "behind") continue;
    const where = `extent ${entry.id}, member ${member}`;
    try {
      const { error, root } = await verifyMember(options, entry, member, signal);
      if (root !== undefined) roots.set(member, root);
      if (error !== undefined) notes.problem("corrupt", where, error.message);
    } catch (thrown) {
      if (!isStoreError(thrown)) throw thrown;
      const isMissing = isStoreError(thrown, "missing");
      notes.problem(isMissing ? "missing" : "corrupt", where, messageOf(thrown));
    }
  }
  // holds: C4 checked-copies-are-compared
  if (new Set(roots.values()).size > 1) {
    const what = `its copies ${[...roots.keys()].join(", ")} are valid, but not the same`;
    notes.problem("corrupt", `extent ${entry.id}`, what);
  }
}

/** Counts rows whose data was not readable when it was checked. */
function countUnreadable(
  { notes }: ExtentCheckOptions,
  entry: ExtentEntry,
  seen: ScannedHole | ScannedRecord,
): void {
  const bytes = bytesWithin(entry, seen);
  notes.counts.unreferencedBytes += bytes;
  notes.counts.unreadableBytes += bytes;
}

async function checkRecord(
  options: ExtentCheckOptions,
  entry: ExtentEntry,
  record: ScannedRecord,
): Promise<void> {
  const { notes, liveness } = options;
  const { header, offset, end, payloadError } = record;
  const isOpen = entry.row.state === "open";
  const where = `extent ${entry.id}, record at ${offset}`;
  const referents = await liveness.countReferents(header);
  if (referents === 0 && payloadError !== undefined) {
    // Torn, or damaged after it was deleted; in an open extent, on its way to the disk.
    if (!isOpen) countUnreadable(options, entry, record);
    return;
  }
  notes.counts.records++;
  if (referents === 0) {
    notes.counts.unreferencedBytes += isOpen ? end - offset : bytesWithin(entry, record);
    return;
  }
  notes.counts.aliveBytes += end - offset;
  if (referents > 1) notes.problem("doubled", where, `${referents} rows refer to it`);
  if (payloadError !== undefined) await checkPayload(options, header);
  else if (!isOpen && end > entry.row.length) {
    const message = `rows refer to it, but its extent ends at ${entry.row.length}`;
    notes.problem("inconsistent", where, message);
  }
}

/** Looks again: in an open extent a record may have come to its end while we read it. */
async function checkPayload(
  { reader, notes }: ExtentCheckOptions,
  header: RecordHeader,
): Promise<void> {
  const { extent, offset, payloadBytes: length, checksum } = header;
  try {
    await reader.read({ extent, offset, length, checksum }, header, 0, length);
  } catch (thrown) {
    if (!isStoreError(thrown, "corrupt")) throw thrown;
    notes.problem("corrupt", `extent ${extent}, record at ${offset}`, messageOf(thrown));
  }
}

async function checkHeader(
  { platform, disks, notes }: ExtentCheckOptions,
  entry: ExtentEntry,
  member: number,
): Promise<void> {
  const { id, row } = entry;
  const file = await openMember(disks, entry, member);
  try {
    const bytes = new Uint8Array(extentHeaderBytes);
    const length = await file.read(bytes, 0);
    const header = decodeExtentHeader(platform.hash, bytes.subarray(0, length));
    const isOwn =
      header.extent === id &&
      header.store === disks.store &&
      header.session === row.session &&
      header.layout === row.layout &&
      row.members[header.member]?.disk === header.disk;
    if (!isOwn) notes.problem("inconsistent", `extent ${id}`, "its file says it is another");
  } finally {
    await file.close();
  }
}

/** Finds files below extents/ that no row of the extent table has on that disk. */
export async function checkStrays(options: ExtentCheckOptions): Promise<void> {
  for (const place of options.disks.disks) {
    for (const folder of await place.members.folders()) {
      for (const path of await place.members.pathsIn(folder)) {
        options.signal.throwIfAborted();
        options.notes.counts.files++;
        await checkPath(options, place, folder, path);
      }
      options.progress();
    }
  }
}

async function checkPath(
  options: ExtentCheckOptions,
  { id: disk, members }: DataDisk,
  folder: string,
  path: string,
): Promise<void> {
  const { table, notes } = options;
  const name = memberOfPath(path);
  const entry = name === undefined ? undefined : await table.get(name.extent);
  if (entry !== undefined && isFileOf(entry.row, disk, name?.layout)) return;
  // Dropped while we looked: then it has gone.
  if (!(await members.pathsIn(folder)).includes(path)) return;
  const what =
    name === undefined
      ? "its name is none that an extent's file has"
      : `no row knows this file: ${await describeStray(options, members, name)}`;
  notes.problem("stray", `${members.name}/${path}`, what);
}

/** Describes a stray for the person who has to decide about it. */
async function describeStray(
  { platform, disks }: ExtentCheckOptions,
  members: Members,
  name: MemberName,
): Promise<string> {
  try {
    const file = await members.openForReading(name);
    try {
      const bytes = new Uint8Array(extentHeaderBytes);
      const length = await file.read(bytes, 0);
      const size = `${await file.size()} bytes`;
      if (length === 0) return size;
      const { store, session, ...found } = decodeExtentHeader(platform.hash, bytes);
      const whose = store === disks.store ? "this store" : `store ${idText(store)}`;
      return `${size}, extent ${found.extent} of ${whose}, written in session ${session}`;
    } finally {
      await file.close();
    }
  } catch (thrown) {
    if (!isStoreError(thrown) && !isDiskError(thrown)) throw thrown;
    return messageOf(thrown);
  }
}
