import type { ExtentHeader } from "../../format/extent-header.ts";
import { encodeExtentHeader } from "../../format/extent-header.ts";
import type { Scheme } from "../../format/extent-row.ts";
import type { DiskId, ExtentId, SessionId, StoreId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { Disk, DiskFile } from "../../platform/disk.ts";
import { isDiskError } from "../../platform/disk.ts";
import type { Hash } from "../../platform/hash.ts";
import type { Platform } from "../../platform/platform.ts";
import type { DataDisk } from "../extent-files.ts";
import { extentDirectory, extentPath } from "../extent-files.ts";
import type { ExtentEntry } from "../extent-table.ts";
import { readHeader } from "./member-header-file.ts";
import { idText } from "../../format/ids.ts";

/*
 * The one place where a file of an extent is removed (C9): only after its own header proved that it
 * is the file that is meant. Whatever cannot be proved is kept, and reported.
 */

/** The header that the file must have. */
export interface ExpectedHeader {
  readonly store: StoreId;
  readonly disk: DiskId;
  readonly extent: ExtentId;
  readonly session: SessionId;
  /** Distinguishes two extents that got the same id and session from two copies of one index. */
  readonly createdMs: number;
  /** The newest that the caller knows of. */
  readonly epoch: number;
  /**
   * Undefined where no row states it: then a header that was cut off as it was written proves
   * nothing.
   */
  readonly scheme?: Scheme | undefined;
  /** The member's place among the scheme's members, if that is known. */
  readonly member?: number | undefined;
}

/** The same header as a row states it. */
export type RowHeader = ExpectedHeader & { readonly scheme: Scheme; readonly member: number };

/** The epoch of an extent until it is sealed. */
export const writerEpoch = 1;

export function expectedHeaderOf(
  store: StoreId,
  disk: DiskId,
  { id, row }: ExtentEntry,
): RowHeader {
  const { session, createdMs, epoch, scheme } = row;
  const member = row.members.findIndex((one) => one.disk === disk);
  return { store, disk, extent: id, session, createdMs, epoch, scheme, member };
}

/**
 * The first field that differs from the expected header, whatever its epoch; undefined if none
 * does.
 */
export function mismatchOf(found: ExtentHeader, expected: ExpectedHeader): string | undefined {
  const fields = ["store", "disk", "extent", "session", "createdMs"] as const;
  const field = fields.find((name) => found[name] !== expected[name]);
  if (field === undefined) return undefined;
  const says = ({ [field]: value }: Pick<ExpectedHeader, typeof field>): string =>
    typeof value === "number" ? String(value) : idText(value);
  return `its header says ${field} ${says(found)}, not ${says(expected)}`;
}

export interface MemberDrop {
  readonly place: DataDisk;
  readonly expected: ExpectedHeader;
  /** A longer file is kept, for a caller that knows that nothing but a header can be in it. */
  readonly bytesMax?: number | undefined;
  /** The reason, for the log. */
  readonly why: string;
  /**
   * When to sync the name: also where there is no file, since it may have been removed just before
   * a crash. Default: always.
   */
  readonly sync?: "always" | "if there" | undefined;
}

export type MemberDropped =
  | { readonly outcome: "removed"; readonly bytes: number }
  | { readonly outcome: "absent" }
  | { readonly outcome: "kept"; readonly why: string };

/**
 * Removes the file, durably, if it is the one that is meant, or if there is nothing in it at all.
 * DiskError where the disk fails.
 */
export async function dropMember(platform: Platform, drop: MemberDrop): Promise<MemberDropped> {
  const { place, expected, why } = drop;
  const { disk } = place;
  const fields = { extent: expected.extent, disk: disk.name };
  const found = await look(platform, drop);
  if (found === "absent") {
    if (drop.sync !== "if there") await unlinkMember(disk, expected.extent);
    return { outcome: "absent" };
  }
  // holds: C9 header-proved-before-removal
  if (found.doubt !== undefined) {
    platform.log("error", "extent_file_kept", { ...fields, bytes: found.bytes, why: found.doubt });
    return { outcome: "kept", why: found.doubt };
  }
  await unlinkMember(disk, expected.extent);
  platform.log("info", "extent_removed", { ...fields, bytes: found.bytes, why });
  return { outcome: "removed", bytes: found.bytes };
}

/**
 * Removes whatever file has the extent's name, durably; it is no error if there is none, and then
 * the name is synced all the same: a crash may have come before that.
 */
async function unlinkMember(disk: Disk, extent: ExtentId): Promise<void> {
  try {
    await disk.remove(extentPath(extent));
  } catch (error) {
    if (!isDiskError(error, "missing")) throw error;
  }
  try {
    await disk.syncDirectory(extentDirectory(extent));
  } catch (error) {
    // Not even the directory was made.
    if (!isDiskError(error, "missing")) throw error;
  }
}

/**
 * True if the file is as a crash leaves one whose first header was not durable: only zeros and,
 * where the row says how that header began, a part of it. Then nothing else was ever in it.
 */
export async function isUnfinished(
  hash: Hash,
  file: DiskFile,
  expected?: ExpectedHeader,
): Promise<boolean> {
  if ((await file.size()) > extentHeaderBytes) return false;
  const bytes = new Uint8Array(extentHeaderBytes);
  await file.read(bytes, 0);
  const { scheme, member } = expected ?? {};
  const first =
    expected === undefined || scheme === undefined || member === undefined
      ? new Uint8Array(0)
      : encodeExtentHeader(hash, {
          ...expected,
          scheme,
          member,
          sequence: 0,
          epoch: writerEpoch,
        });
  return bytes.every((byte, i) => byte === 0 || byte === first[i]);
}

async function look(
  { hash }: Platform,
  { place, expected, bytesMax = Number.POSITIVE_INFINITY }: MemberDrop,
): Promise<"absent" | { readonly bytes: number; readonly doubt: string | undefined }> {
  let file: DiskFile;
  try {
    file = await place.disk.open(extentPath(expected.extent), "read");
  } catch (error) {
    if (isDiskError(error, "missing")) return "absent";
    throw error;
  }
  try {
    const bytes = await file.size();
    const header = await readHeader(hash, file);
    if (header === undefined) {
      const isNothing = await isUnfinished(hash, file, expected);
      return { bytes, doubt: isNothing ? undefined : "its header cannot be read" };
    }
    return { bytes, doubt: mismatchOf(header, expected) ?? doubtOf(header, bytes) };
  } finally {
    await file.close();
  }

  function doubtOf(header: ExtentHeader, bytes: number): string | undefined {
    if (header.epoch > expected.epoch) {
      return `its header says epoch ${header.epoch}, the index knows ${expected.epoch}`;
    }
    if (bytes <= bytesMax) return undefined;
    return `it has ${bytes} bytes, and nothing but a header should be in it`;
  }
}
