import { isStoreError } from "../../base/errors.ts";
import type { ExtentHeader } from "../../format/extent-header.ts";
import { decodeExtentHeader, encodeExtentHeader } from "../../format/extent-header.ts";
import type { MemberFile } from "../../format/extent-row.ts";
import type { DiskId, StoreId } from "../../format/ids.ts";
import { idText } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { Hash } from "../../platform/hash.ts";
import type { ExpectedHeader, ReadableMember, RowHeader } from "../extent-member.ts";
import type { ExtentEntry } from "../extent-table.ts";

/*
 * What the header of a member says, and what it must say.
 */

/** The epoch of an extent until it is sealed. */
export const writerEpoch = 1;

export function expectedHeaderOf(
  store: StoreId,
  disk: DiskId,
  { id, row }: ExtentEntry,
): RowHeader {
  const { session, createdMs, epoch, scheme, layout } = row;
  const member = row.members.findIndex((one) => one.disk === disk);
  return { store, disk, extent: id, session, createdMs, epoch, scheme, member, layout };
}

/** The header of a file that is coming or leaving. */
export function expectedHeaderOfFile(
  store: StoreId,
  { id, row }: ExtentEntry,
  { disk, layout, scheme, member }: MemberFile,
): RowHeader {
  const { session, createdMs, epoch } = row;
  return { store, disk, extent: id, session, createdMs, epoch, scheme, member, layout };
}

/**
 * The current header; undefined where no slot is valid. Behind its fields a slot is zeros, so a
 * file that a crash cut off there counts as if it had them.
 */
export async function readHeader(
  hash: Hash,
  member: Pick<ReadableMember, "read">,
): Promise<ExtentHeader | undefined> {
  const slots = new Uint8Array(extentHeaderBytes);
  await member.read(slots, 0);
  return currentHeader(hash, slots);
}

/** The current header among the slots that were read; undefined where no slot is valid. */
export function currentHeader(hash: Hash, slots: Uint8Array): ExtentHeader | undefined {
  try {
    return decodeExtentHeader(hash, slots);
  } catch (error) {
    if (isStoreError(error, "corrupt")) return undefined;
    throw error;
  }
}

const identityFields = ["store", "disk", "extent", "session", "createdMs", "layout"] as const;

/**
 * The first field that differs from the expected header, whatever its epoch; undefined if none
 * does.
 */
export function mismatchOf(found: ExtentHeader, expected: ExpectedHeader): string | undefined {
  const field = identityFields.find((name) => found[name] !== expected[name]);
  if (field === undefined) return undefined;
  const says = ({ [field]: value }: Pick<ExpectedHeader, typeof field>): string =>
    typeof value === "number" ? String(value) : idText(value);
  return `its header says ${field} ${says(found)}, not ${says(expected)}`;
}

/**
 * True if the file is as a crash leaves one whose first header was not durable: only zeros and,
 * where the row says how that header began, a part of it. Then nothing else was ever in it.
 */
export async function isUnfinished(
  hash: Hash,
  member: Pick<ReadableMember, "read" | "size">,
  expected?: ExpectedHeader,
): Promise<boolean> {
  if ((await member.size()) > extentHeaderBytes) return false;
  const bytes = new Uint8Array(extentHeaderBytes);
  await member.read(bytes, 0);
  return firstHeaders(hash, expected).some((first) =>
    bytes.every((byte, i) => byte === 0 || byte === first[i]),
  );
}

/** A member that its writer made begins at the writer's epoch, a later one at that of the row. */
function firstHeaders(hash: Hash, expected: ExpectedHeader | undefined): Uint8Array[] {
  const { scheme, member } = expected ?? {};
  if (expected === undefined || scheme === undefined || member === undefined) {
    return [new Uint8Array(0)];
  }
  return [writerEpoch, expected.epoch].map((epoch) =>
    encodeExtentHeader(hash, { ...expected, scheme, member, sequence: 0, epoch }),
  );
}
