import { type RefusalOf, refuse } from "../base/refusal.ts";
import { changeLabels, type DiskLabels } from "../format/disk-labels.ts";
import { type DiskRow, type DiskRowState, newDiskRow } from "../format/disk-row.ts";
import type { DiskId } from "../format/ids.ts";

/*
 * What may become of a disk, as plans for `changeDisks`: from the rows of all disks each makes the
 * rows to put, or refuses with the fix.
 *
 *     active ⇄ emptying (paused or not)     a person asks for it, and puts it back
 *     active ⇄ out                          its faults, or a person; only a person puts it back
 *     any    → removed                      once nothing is on it, or by force; for good
 *
 * The disk with the index is not removed: one that is replaced is emptied until the index has left.
 */

export type DiskRefusal = "noSuchDisk" | "wrongState" | "exists" | "lastDisk";

export type DiskPlan = (rows: readonly DiskRow[]) => readonly DiskRow[] | RefusalOf<DiskRefusal>;

/** A directory with a disk in it. */
export interface DiskMount {
  readonly disk: DiskId;
  /** The directory. */
  readonly name: string;
  readonly capacityBytes: number;
}

/** Notes where disks are mounted, and how large they are; `newcomers` decides of those not known. */
export function mountDisks(
  mounts: readonly DiskMount[],
  nowMs: number,
  newcomers: "add" | "leave out",
): DiskPlan {
  return (rows) =>
    mounts.flatMap((mount) => {
      const before = rows.find(({ disk }) => disk === mount.disk);
      if (before === undefined) {
        return newcomers === "add" ? [newDiskRow({ ...mount, addedMs: nowMs })] : [];
      }
      const { name, capacityBytes } = before;
      const isSame = name === mount.name && capacityBytes === mount.capacityBytes;
      return isSame || before.state === "removed" ? [] : [{ ...before, ...mount }];
    });
}

/** Adds a disk that is new to the store, or notes where one of it is mounted now. */
export function addDisk(mount: DiskMount, labels: DiskLabels, nowMs: number): DiskPlan {
  return (rows) => {
    const before = rows.find(({ disk }) => disk === mount.disk);
    if (before === undefined) return [newDiskRow({ ...mount, labels, addedMs: nowMs })];
    if (before.state === "removed") {
      const fix = "empty its directory to add it as a new disk";
      return refuse("wrongState", { message: `${mount.name} was removed from this store: ${fix}` });
    }
    if (before.name !== mount.name) return [{ ...before, ...mount }];
    return refuse("exists", { message: `${mount.name} is a disk of this store already` });
  };
}

export function labelDisk(disk: DiskId, change: DiskLabels): DiskPlan {
  return ofDisk(disk, (row) => [{ ...row, labels: changeLabels(row.labels, change) }]);
}

/** Begins to empty a disk, or goes on with it after a pause. */
export function emptyDisk(disk: DiskId, nowMs: number): DiskPlan {
  return ofDisk(disk, (row, rows) => {
    if (row.state === "emptying") return row.isPaused ? [{ ...row, isPaused: false }] : [];
    if (isLastActive(row, rows)) return lastActive(row);
    return [inState(row, "emptying", nowMs, "asked for")];
  });
}

export function pauseDisk(disk: DiskId): DiskPlan {
  return ofDisk(disk, (row) => {
    if (row.state === "emptying") return row.isPaused ? [] : [{ ...row, isPaused: true }];
    return refuse("wrongState", { message: `${row.name} is ${row.state}, and is not emptied` });
  });
}

/** Puts a disk back to use: one that is out, or is being emptied. */
export function resumeDisk(disk: DiskId, nowMs: number): DiskPlan {
  return ofDisk(disk, (row) => (row.state === "active" ? [] : [inState(row, "active", nowMs, "")]));
}

/** Takes a disk out because of its faults. The last one in use stays: writes could go nowhere. */
export function takeDiskOut(disk: DiskId, reason: string, nowMs: number): DiskPlan {
  return ofDisk(disk, (row, rows) => {
    if (row.state !== "active") return [];
    return isLastActive(row, rows) ? lastActive(row) : [inState(row, "out", nowMs, reason)];
  });
}

/** Removes a disk for good. Members that extents still state on it are lost from then on. */
export function removeDisk(disk: DiskId, reason: string, nowMs: number): DiskPlan {
  return ofDisk(disk, (row, rows) => {
    if (isLastActive(row, rows)) return lastActive(row);
    return [inState(row, "removed", nowMs, reason)];
  });
}

export interface Replacement {
  readonly mount: DiskMount;
  /** Those not given are the other disk's. */
  readonly labels: DiskLabels;
  readonly nowMs: number;
  /** The other disk has the index, and is removed once that has left it. */
  readonly holdsIndex: boolean;
}

/** A new disk takes the place of another, in one change. */
export function replaceDisk(
  disk: DiskId,
  { mount, labels, nowMs, holdsIndex }: Replacement,
): DiskPlan {
  return ofDisk(disk, (row, rows) => {
    if (rows.some((one) => one.disk === mount.disk && one.state !== "removed")) {
      return refuse("exists", { message: `${mount.name} is a disk of this store already` });
    }
    const added = addDisk(mount, changeLabels(row.labels, labels), nowMs)(rows);
    if ("refusal" in added) return added;
    const reason = `replaced by ${mount.name}`;
    if (!holdsIndex) return [...added, inState(row, "removed", nowMs, reason)];
    return [...added, { ...inState(row, "emptying", nowMs, reason), isReplaced: true }];
  });
}

export interface ReplacedDisk {
  readonly disk: DiskId;
  /** The one that has the index. */
  readonly home: DiskId;
  readonly nowMs: number;
}

/** Removes a disk that another took the place of, unless it has the index, or is in use again. */
export function removeReplaced({ disk, home, nowMs }: ReplacedDisk): DiskPlan {
  return ofDisk(disk, (row) => {
    if (!row.isReplaced || disk === home) return [];
    return [inState(row, "removed", nowMs, row.reason)];
  });
}

function ofDisk(
  disk: DiskId,
  plan: (row: DiskRow, rows: readonly DiskRow[]) => ReturnType<DiskPlan>,
): DiskPlan {
  return (rows) => {
    const row = rows.find((one) => one.disk === disk);
    if (row === undefined) return refuse("noSuchDisk", { message: "the store has no such disk" });
    if (row.state !== "removed") return plan(row, rows);
    return refuse("wrongState", { message: `${row.name} is removed, and stays so` });
  };
}

function inState(row: DiskRow, state: DiskRowState, stateMs: number, reason: string): DiskRow {
  return { ...row, state, stateMs, reason, isPaused: false, isReplaced: false };
}

function isLastActive(row: DiskRow, rows: readonly DiskRow[]): boolean {
  const others = rows.filter(({ disk, state }) => disk !== row.disk && state === "active");
  return row.state === "active" && others.length === 0;
}

function lastActive({ name }: DiskRow): RefusalOf<DiskRefusal> {
  const fix = "add another one first: holdfast disk add DIR";
  const message = `${name} is the last disk that new data can go to: ${fix}`;
  return refuse("lastDisk", { message });
}
