import { ByteReader, ByteWriter } from "./codec.ts";
import { type DiskLabels, labelNames, noLabels } from "./disk-labels.ts";
import type { DiskId } from "./ids.ts";

/**
 * What a disk is to the store.
 *
 * - `active`: new members are placed on it.
 * - `emptying`: its members are moved to other disks, and no new ones are placed on it.
 * - `out`: it failed too often. No new members are placed on it, and it is read as a last resort.
 * - `removed`: it is no part of the store any more. Members that extents still state on it are lost.
 */
export type DiskRowState = "active" | "emptying" | "out" | "removed";

/** A disk of the store. Its row stays once it is removed, so that it is known if it comes back. */
export interface DiskRow {
  readonly disk: DiskId;
  readonly addedMs: number;
  /** The directory where it was mounted last. */
  readonly name: string;
  readonly labels: DiskLabels;
  /** The size of its file system when it was looked at last; 0 where that is not known. */
  readonly capacityBytes: number;
  readonly state: DiskRowState;
  /** When it came into its state, and why; no reason for an `active` one. */
  readonly stateMs: number;
  readonly reason: string;
  /** An `emptying` disk is left as it is for now: nothing is moved away from it. */
  readonly isPaused: boolean;
  /** Another disk took the place of this `emptying` one: it is removed once the index has left it. */
  readonly isReplaced: boolean;
}

/** 3: whether it is replaced. 2: labels, capacity and state. */
const version = 3;
/** The order is stored: new states go to the end. */
const states: readonly DiskRowState[] = ["active", "emptying", "out", "removed"];

/** A disk that is new to the store. */
export function newDiskRow(
  row: Pick<DiskRow, "disk" | "addedMs" | "name"> & Partial<DiskRow>,
): DiskRow {
  const state = { state: "active", stateMs: row.addedMs, reason: "" } as const;
  const rest = { isPaused: false, isReplaced: false };
  return { labels: noLabels, capacityBytes: 0, ...state, ...rest, ...row };
}

export function encodeDiskRow(row: DiskRow): Uint8Array {
  const writer = new ByteWriter().u8(version).id(row.disk).u64(row.addedMs).text(row.name);
  for (const name of labelNames) writer.text(row.labels[name] ?? "");
  writer.u64(row.capacityBytes).u8(states.indexOf(row.state)).u64(row.stateMs).text(row.reason);
  return writer.boolean(row.isPaused).boolean(row.isReplaced).finish();
}

export function decodeDiskRow(bytes: Uint8Array): DiskRow {
  const reader = new ByteReader(bytes, "disk row");
  const stored = reader.version(version);
  const first = { disk: reader.id<DiskId>(), addedMs: reader.u64(), name: reader.text() };
  const second = stored < 2 ? {} : readSecondVersion(reader);
  const third = stored < 3 ? {} : { isReplaced: reader.boolean() };
  const row = newDiskRow({ ...first, ...second, ...third });
  reader.end();
  return row;
}

function readSecondVersion(reader: ByteReader): Partial<DiskRow> {
  const labels = labelNames.map((name) => [name, reader.text()] as const);
  return {
    labels: Object.fromEntries(labels.filter(([, value]) => value !== "")),
    capacityBytes: reader.u64(),
    state: states[reader.u8()] ?? reader.fail("unknown state of a disk"),
    stateMs: reader.u64(),
    reason: reader.text(),
    isPaused: reader.boolean(),
  };
}
