import type { EngineReader } from "../../engine/engine.ts";
import { presentDisks } from "../../extent/extent-examination.ts";
import type { ExtentDisks } from "../../extent/extent-files.ts";
import type { ExtentTable } from "../../extent/extent-table.ts";
import { type ExtentRow, filesOf } from "../../format/extent-row.ts";
import type { DiskId, ExtentId } from "../../format/ids.ts";
import type { Clock } from "../../platform/platform.ts";
import { isHeldAt, readRestoreWindow } from "../restore-window.ts";
import { type IsHeld, isHeldExtent } from "./extent-health.ts";

/** What extents have on one disk. */
export interface DiskHolding {
  readonly extents: number;
  /** The bytes of its files, as their extents' rows have them. */
  readonly bytes: number;
  /** Extents among them that only the restore window keeps. */
  readonly heldExtents: number;
  /** Extents among them that could not be read without the disk. */
  readonly onlyExtents: number;
  /** Bytes of these that are live, or held. */
  readonly onlyBytes: number;
  /** Extents whose member on it is known to be damaged. */
  readonly damaged: number;
}

export const noHolding: DiskHolding = {
  extents: 0,
  bytes: 0,
  heldExtents: 0,
  onlyExtents: 0,
  onlyBytes: 0,
  damaged: 0,
};

/** @limit Rows read at once, about 100 bytes each. */
const rowsPerPage = 1000;

/**
 * Members that are needed to read an extent. A member of an open one may lack what the others have
 * answered for: so many are needed that enough of them were in each quorum.
 */
function neededMembers({ scheme, state }: Pick<ExtentRow, "scheme" | "state">): number {
  const isOpen = state === "open";
  // An append is answered when all shards but half of the parities have it.
  if (scheme.kind === "coded") return scheme.data + (isOpen ? Math.floor(scheme.parity / 2) : 0);
  // holds: C1 open-member-may-lack-what-was-answered
  if (isOpen) return scheme.copies - scheme.quorum + 1;
  return 1;
}

/** The bytes of one file of an extent. */
function fileBytes({ scheme, length }: Pick<ExtentRow, "scheme" | "length">): number {
  return scheme.kind === "replicated" ? length : Math.ceil(length / scheme.data);
}

export interface HoldingFacts {
  /** Says of other disks whether they are there. */
  readonly isThere: (disk: DiskId) => boolean;
  readonly isHeld: IsHeld;
}

/** A holding with one more extent, if that has a file on the disk. */
export function withExtent(
  holding: DiskHolding,
  disk: DiskId,
  row: ExtentRow,
  { isThere, isHeld }: HoldingFacts,
): DiskHolding {
  const files = filesOf(row).filter((file) => file.disk === disk);
  if (files.length === 0) return holding;
  const bytes = files.reduce((sum, { scheme }) => {
    return sum + fileBytes({ scheme, length: row.length });
  }, 0);
  const others = row.members.filter((one) => {
    return one.disk !== disk && one.state === "whole" && isThere(one.disk);
  });
  const member = row.members.find((one) => one.disk === disk);
  const isKept = isHeldExtent(row, isHeld);
  const isNeeded = member !== undefined && (row.state !== "dropping" || isKept);
  // holds: C5 held-extents-are-needed
  const isOnly = isNeeded && others.length < neededMembers(row);
  return {
    extents: holding.extents + 1,
    bytes: holding.bytes + bytes,
    heldExtents: holding.heldExtents + (isKept ? 1 : 0),
    onlyExtents: holding.onlyExtents + (isOnly ? 1 : 0),
    damaged: holding.damaged + (member?.state === "damaged" ? 1 : 0),
    onlyBytes: holding.onlyBytes + (isOnly ? row.length - (isKept ? 0 : row.deadBytes) : 0),
  };
}

/**
 * What extents have on a disk, by a walk through the whole table. No extent is missed that there
 * was at its start: ids only grow.
 */
export async function holdingOf(
  table: ExtentTable,
  disk: DiskId,
  facts: HoldingFacts,
): Promise<DiskHolding> {
  let holding = noHolding;
  let after: ExtentId | undefined;
  do {
    const page = await table.list(after, rowsPerPage);
    for (const { row } of page) holding = withExtent(holding, disk, row, facts);
    after = page.length < rowsPerPage ? undefined : page.at(-1)?.id;
  } while (after !== undefined);
  return holding;
}

export interface HoldingSources {
  readonly clock: Clock;
  /** The partition with the rows of the store itself. */
  readonly system: EngineReader;
  readonly table: ExtentTable;
  readonly disks: ExtentDisks;
}

/**
 * What extents have on a disk at this moment. A disk that was pulled out may be among the mounted
 * ones still: each is looked at.
 */
export async function holdingNow(
  { clock, system, table, disks }: HoldingSources,
  disk: DiskId,
): Promise<DiskHolding> {
  const present = new Set((await presentDisks(clock, disks)).disks.map(({ id }) => id));
  const window = await readRestoreWindow(system);
  const nowMs = clock.now();
  return holdingOf(table, disk, {
    isThere: (other) => present.has(other),
    isHeld: (droppedMs) => isHeldAt(window, droppedMs, nowMs),
  });
}

/** Says in words what a disk has. */
export function holdingText(holding: DiskHolding): string {
  const { extents, bytes, heldExtents, onlyExtents, onlyBytes } = holding;
  if (extents === 0) return "no extents";
  const held = heldExtents === 0 ? "" : `, ${heldExtents} of which only the restore window keeps`;
  const all = `${extents} extents (${bytes} bytes)${held}`;
  if (onlyExtents === 0) return `${all}, all of which can be read without it`;
  const bytesText = `${onlyBytes} ${heldExtents === 0 ? "live" : "live or kept"} bytes`;
  return `${all}, ${onlyExtents} of which (${bytesText}) cannot be read without it`;
}
