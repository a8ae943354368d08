import { StoreError } from "../../base/errors.ts";
import type { ExtentEntry, ExtentTable } from "../../extent/extent-table.ts";
import {
  type ExtentRow,
  filesOf,
  type MemberFile,
  type MemberOnDisk,
  type MemberState,
  type ShardScheme,
} from "../../format/extent-row.ts";
import type { SessionId } from "../../format/ids.ts";

/*
 * What may become of the files of a sealed extent, as changes of its row.
 *
 *     nothing ──► coming ──► member ──► leaving ──► nothing
 *                    └───────────────────► leaving
 *
 * Files are stated as coming before any of them is made, and become members once all of them are
 * durable and were read back. What is a member no more is leaving until no read can need it, and is
 * forgotten once its file has gone. So each file that there can be is in the row.
 */

/** @limit Each failure means that the drain, or somebody who looked at a member, was first. */
const attemptsMax = 64;

/**
 * Changes the row of an extent by a plan, again and again until nobody else was first. Undefined
 * where the extent has gone, or the plan says that there is nothing to change any more.
 */
export async function changeExtent(
  table: ExtentTable,
  entry: ExtentEntry,
  plan: (row: ExtentRow) => ExtentRow | undefined,
): Promise<ExtentEntry | undefined> {
  let before: ExtentEntry | undefined = entry;
  for (let attempt = 0; attempt < attemptsMax && before !== undefined; attempt++) {
    const row = plan(before.row);
    if (row === undefined) return undefined;
    const replaced = await table.replace(before, row);
    if (replaced !== "conflict") return replaced;
    before = await table.get(entry.id);
  }
  if (before === undefined) return undefined;
  throw new StoreError("overloaded", `extent ${entry.id}: its row kept changing`);
}

/** A layout that no file of the extent has. */
export function nextLayout(row: ExtentRow): number {
  return 1 + Math.max(...filesOf(row).map(({ layout }) => layout), row.layout);
}

/** Undefined where something is coming already. */
export function withComing(
  row: ExtentRow,
  coming: readonly MemberFile[],
  comingBy: SessionId,
): ExtentRow | undefined {
  return row.coming.length > 0 ? undefined : { ...row, coming, comingBy };
}

/** What is coming leaves: whole or not, it is no member. */
export function withoutComing(row: ExtentRow, nowMs: number): ExtentRow {
  return leaving({ ...row, coming: [], comingBy: 0 as SessionId }, row.coming, nowMs);
}

/** The shards that were coming are the members, and the members before leave. */
export function withShards(
  row: ExtentRow,
  scheme: ShardScheme,
  tableChecksums: readonly number[],
  nowMs: number,
): ExtentRow {
  const before = filesOf({ ...row, coming: [], leaving: [] });
  const members = row.coming.map(({ disk }, i): MemberOnDisk => {
    return { disk, state: "whole", tableChecksum: tableChecksums[i] ?? 0 };
  });
  const layout = row.coming[0]?.layout ?? row.layout;
  const next = { ...row, scheme, members, layout, coming: [], comingBy: 0 as SessionId };
  return leaving(next, before, nowMs);
}

/** The file that was coming is the member at its place, and the one before leaves. */
export function withMember(row: ExtentRow, file: MemberFile, nowMs: number): ExtentRow | undefined {
  const before = row.members[file.member];
  const isComing = row.coming.some((one) => isSameFile(one, file));
  if (before === undefined || !isComing || file.layout !== row.layout) return undefined;
  const members = row.members.with(file.member, { ...before, disk: file.disk, state: "whole" });
  const next = { ...row, members, coming: [], comingBy: 0 as SessionId };
  return leaving(next, [{ ...file, disk: before.disk }], nowMs);
}

/** The member that stands at this place on this disk, in this layout, is in this state. */
export function withMemberState(
  row: ExtentRow,
  place: Pick<MemberFile, "member" | "disk" | "layout">,
  state: MemberState,
): ExtentRow | undefined {
  return changeMember(row, place, { state });
}

/** The same member's blocks have this checksum of their table, or root. */
export function withTableChecksum(
  row: ExtentRow,
  place: Pick<MemberFile, "member" | "disk" | "layout">,
  tableChecksum: number,
): ExtentRow | undefined {
  return changeMember(row, place, { tableChecksum });
}

/** Undefined where another member is there by now, or it is as it should be. */
function changeMember(
  row: ExtentRow,
  { member, disk, layout }: Pick<MemberFile, "member" | "disk" | "layout">,
  wanted: Partial<Pick<MemberOnDisk, "state" | "tableChecksum">>,
): ExtentRow | undefined {
  const before = row.members[member];
  if (before?.disk !== disk || row.layout !== layout) return undefined;
  const { state = before.state, tableChecksum = before.tableChecksum } = wanted;
  if (before.state === state && before.tableChecksum === tableChecksum) return undefined;
  return { ...row, members: row.members.with(member, { ...before, state, tableChecksum }) };
}

/** Files that have left are in the row no more. */
export function withoutLeft(row: ExtentRow, left: readonly MemberFile[]): ExtentRow {
  const stay = row.leaving.filter((file) => !left.some((one) => isSameFile(one, file)));
  return { ...row, leaving: stay, leavingMs: stay.length === 0 ? 0 : row.leavingMs };
}

export function isSameFile(one: MemberFile, other: MemberFile): boolean {
  return one.disk === other.disk && one.layout === other.layout;
}

function leaving(row: ExtentRow, files: readonly MemberFile[], nowMs: number): ExtentRow {
  return { ...row, leaving: [...row.leaving, ...files], leavingMs: nowMs };
}
