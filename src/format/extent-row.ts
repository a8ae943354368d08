import { ByteReader, ByteWriter } from "./codec.ts";
import type { DiskId, SessionId } from "./ids.ts";

/** How an extent's bytes are spread over its members. */
export type Scheme =
  /** Full copies, acknowledged when `quorum` of them are synced. */
  | { readonly kind: "replicated"; readonly copies: number; readonly quorum: number }
  /** Reed–Solomon or LRC shards, `code` naming which (reserved). */
  | {
      readonly kind: "coded";
      readonly code: string;
      readonly data: number;
      readonly parity: number;
    };

/**
 * The state when the member was last seen: it is for people and for counting, and nothing is
 * removed because of it.
 *
 * - `missing`: no file of it is at its path.
 * - `damaged`: its file is there, but its header, its length or some of its records are not as they
 *   were written.
 */
export type MemberState = "whole" | "missing" | "damaged";

export interface MemberOnDisk {
  readonly disk: DiskId;
  readonly state: MemberState;
}

/**
 * - `open`: one session appends.
 * - `sealed`: `length` is final; its writer may still have rows to commit for what is in it.
 * - `settled`: no row for a record without one can come any more: what is unreferenced is dead.
 * - `reconciled`: settled, and every record was looked up in the index once: `deadBytes` is exact
 *   up to the garbage that is not drained yet.
 * - `dropping`: nothing refers to it since `droppedMs`; the file goes when no reader can need it.
 */
export type ExtentState = "open" | "sealed" | "settled" | "reconciled" | "dropping";

/** The extent table, in the system partition. */
export interface ExtentRow {
  readonly state: ExtentState;
  readonly scheme: Scheme;
  readonly members: readonly MemberOnDisk[];
  /** Members refuse appends of an older epoch. */
  readonly epoch: number;
  /** The session that writes, or wrote, it. */
  readonly session: SessionId;
  readonly storageClass: string;
  readonly createdMs: number;
  readonly sealedMs: number;
  /** Bytes from the start of the file to the end of the last record; final once sealed. */
  readonly length: number;
  /** Record bytes known to be dead: a hint for choosing what to compact. 0 until reconciled. */
  readonly deadBytes: number;
  readonly droppedMs: number;
}

const version = 2;
/** The place in this list is the stored number; only ever append. */
const states: readonly ExtentState[] = ["open", "sealed", "settled", "dropping", "reconciled"];
const memberStates: readonly MemberState[] = ["whole", "missing", "damaged"];

export function writeScheme(writer: ByteWriter, scheme: Scheme): void {
  if (scheme.kind === "replicated") writer.u8(0).u8(scheme.copies).u8(scheme.quorum);
  else writer.u8(1).text(scheme.code).u8(scheme.data).u8(scheme.parity);
}

export function readScheme(reader: ByteReader): Scheme {
  const kind = reader.u8();
  if (kind === 0) return { kind: "replicated", copies: reader.u8(), quorum: reader.u8() };
  if (kind !== 1) reader.fail(`scheme of kind ${kind}`);
  return { kind: "coded", code: reader.text(), data: reader.u8(), parity: reader.u8() };
}

export function encodeExtentRow(row: ExtentRow): Uint8Array {
  const writer = new ByteWriter(128).u8(version).u8(states.indexOf(row.state));
  writeScheme(writer, row.scheme);
  writer.list(row.members, (member) =>
    writer.id(member.disk).u8(memberStates.indexOf(member.state)),
  );
  writer.u64(row.epoch).u64(row.session).text(row.storageClass);
  writer.u64(row.createdMs).u64(row.sealedMs).u64(row.length).u64(row.deadBytes).u64(row.droppedMs);
  return writer.finish();
}

export function decodeExtentRow(bytes: Uint8Array): ExtentRow {
  const reader = new ByteReader(bytes, "extent row");
  reader.version(version);
  const row: ExtentRow = {
    state: states[reader.u8()] ?? reader.fail("unknown extent state"),
    scheme: readScheme(reader),
    members: reader.list(() => ({
      disk: reader.id<DiskId>(),
      state: memberStates[reader.u8()] ?? reader.fail("unknown state of a member"),
    })),
    epoch: reader.u64(),
    session: reader.u64() as SessionId, // the field's place says which id it is
    storageClass: reader.text(),
    createdMs: reader.u64(),
    sealedMs: reader.u64(),
    length: reader.u64(),
    deadBytes: reader.u64(),
    droppedMs: reader.u64(),
  };
  reader.end();
  return row;
}

/**
 * Stands next to the row of an extent whose file is not whole, so that these are found without the
 * others.
 */
export interface LostExtentRow {
  readonly state: Exclude<MemberState, "whole">;
  /** The extent's length. */
  readonly bytes: number;
}

const lostVersion = 1;

/** The row of lost data for this extent; undefined where nothing of it is lost. */
export function lostExtentOf({ members, length }: ExtentRow): LostExtentRow | undefined {
  const states = members.map(({ state }) => state);
  const state = states.find((one) => one !== "whole");
  if (state === undefined) return undefined;
  return { state, bytes: length };
}

export function encodeLostExtentRow({ state, bytes }: LostExtentRow): Uint8Array {
  return new ByteWriter(16).u8(lostVersion).u8(memberStates.indexOf(state)).u64(bytes).finish();
}

export function decodeLostExtentRow(bytes: Uint8Array): LostExtentRow {
  const reader = new ByteReader(bytes, "lost extent row");
  reader.version(lostVersion);
  const state = memberStates[reader.u8()];
  if (state === undefined || state === "whole") return reader.fail("unknown state of a member");
  const row = { state, bytes: reader.u64() };
  reader.end();
  return row;
}
