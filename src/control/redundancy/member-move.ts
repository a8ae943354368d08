import { StoreError } from "../../base/errors.ts";
import type { Codes } from "../../erasure/codes.ts";
import { createMemberFile, openMemberFile } from "../../extent/member-files.ts";
import type { BytesMoved } from "../../extent/encode-extent.ts";
import type { ExtentMember } from "../../extent/extent-member.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import { rebuildMember, type RebuildOptions, TargetFails } from "../../extent/rebuild-member.ts";
import { filesOf, type MemberFile } from "../../format/extent-row.ts";
import type { DiskId } from "../../format/ids.ts";
import type { Keymap } from "../../keymap/keymap.ts";
import {
  changeExtent,
  isSameFile,
  withComing,
  withMember,
  withMemberState,
  withoutComing,
} from "../extents/member-changes.ts";
import type { StoragePlane } from "../extents/extent-walk.ts";

/*
 * Makes one member of an extent anew. Where its disk is well its own file is mended, or made again;
 * otherwise a new one is made on another disk:
 *
 *     row: the file is coming → file, synced and read back → row: it is the member, the old leaves
 *
 * A file that does not prove to be the member's is not touched (C9), and stands in the way of
 * another of its name: then only another disk helps. Where its disk cannot write the file, or read
 * what was written, another is better.
 */

export interface MemberMoveOptions extends StoragePlane {
  readonly keymap: Pick<Keymap, "session">;
  readonly codes: Codes;
}

export interface WantedMember {
  readonly entry: ExtentEntry;
  /** The member's place in the scheme. */
  readonly member: number;
  /** The disk where it is to be: its own, or one that has no file of this layout. */
  readonly to: DiskId;
}

/**
 * `done`: the row says that the member is whole. `changed`: the extent is not as it was. The others:
 * it cannot be made where it is.
 */
export type MoveOutcome = "done" | "changed" | UnfitPlace;

/** Why a member cannot be made on a disk, and may be on another. */
export type UnfitPlace = "file in the way" | "file can't be written";

/**
 * Makes the member. Between two yields it moves a bounded number of bytes. Fails as rebuilding does
 * (rebuild-member.ts); what was coming is leaving then.
 */
export async function* moveMember(
  options: MemberMoveOptions,
  { entry, member, to }: WantedMember,
  signal: AbortSignal,
): AsyncGenerator<BytesMoved, MoveOutcome, undefined> {
  const { scheme, layout, members } = entry.row;
  const file: MemberFile = { layout, scheme, member, disk: to };
  if (members[member]?.disk === to) return yield* mendInPlace(options, entry, file, signal);
  return yield* makeElsewhere(options, entry, file, signal);
}

async function* mendInPlace(
  options: MemberMoveOptions,
  entry: ExtentEntry,
  file: MemberFile,
  signal: AbortSignal,
): AsyncGenerator<BytesMoved, MoveOutcome, undefined> {
  let isInTheWay = false;
  const openTarget = async (): Promise<ExtentMember> => {
    const target = await openMemberFile(options, entry, file);
    if (target !== "doubtful") return target;
    isInTheWay = true;
    throw new StoreError("foreign", `extent ${entry.id}: another file has the member's name`);
  };
  try {
    yield* rebuildMember(rebuildOf(options, entry, file, openTarget, signal));
  } catch (thrown) {
    if (isInTheWay) return "file in the way";
    // holds: C5 unmendable-file-is-made-elsewhere
    if (thrown instanceof TargetFails) return "file can't be written";
    throw thrown;
  }
  const mended = await changeExtent(options.table, entry, (row) =>
    withMemberState(row, file, "whole"),
  );
  return mended === undefined ? "changed" : "done";
}

async function* makeElsewhere(
  options: MemberMoveOptions,
  entry: ExtentEntry,
  file: MemberFile,
  signal: AbortSignal,
): AsyncGenerator<BytesMoved, MoveOutcome, undefined> {
  const { platform, keymap, table } = options;
  const { session } = keymap;
  const begun = await changeExtent(table, entry, (row) =>
    isSameExtent(row, entry.row) && !filesOf(row).some((one) => isSameFile(one, file))
      ? withComing(row, [file], session.id)
      : undefined,
  );
  if (begun === undefined) return "changed";
  const now = (): number => platform.clock.now();
  let isDone = false;
  try {
    const openTarget = (): Promise<ExtentMember> => createMemberFile(options, begun, file);
    yield* rebuildMember(rebuildOf(options, begun, file, openTarget, signal));
    const moved = await changeExtent(table, begun, (row) =>
      row.comingBy === session.id && isSameExtent(row, entry.row)
        ? withMember(row, file, now())
        : undefined,
    );
    isDone = moved !== undefined;
  } finally {
    if (!isDone) {
      await changeExtent(table, begun, (row) =>
        row.comingBy === session.id && row.coming.some((one) => isSameFile(one, file))
          ? withoutComing(row, now())
          : undefined,
      );
    }
  }
  return isDone ? "done" : "changed";
}

function rebuildOf(
  { platform, disks, codes }: MemberMoveOptions,
  entry: ExtentEntry,
  { member }: MemberFile,
  openTarget: () => Promise<ExtentMember>,
  signal: AbortSignal,
): RebuildOptions {
  const code = codes.of.bind(codes);
  return { platform, disks, entry, member, code, openTarget, signal };
}

/** False also where nothing refers to it since, or its files are being removed. */
function isSameExtent(row: ExtentEntry["row"], before: ExtentEntry["row"]): boolean {
  const isDropping = row.state === "dropping";
  if (isDropping !== (before.state === "dropping")) return false;
  const areThere = row.members.length === before.members.length;
  return areThere && row.layout === before.layout && row.length === before.length;
}
