import { ByteReader, ByteWriter } from "./codec.ts";
import type { DiskId, SessionId } from "./ids.ts";

/** How an extent's bytes are spread over its members. */
export type Scheme =
  /** Full copies, acknowledged when `quorum` of them are synced. */
  | { readonly kind: "replicated"; readonly copies: number; readonly quorum: number }
  /**
   * `data` data shards and `parity` others, `code` naming which code (`rs`, `lrc`). An extent that
   * is coded while it is written is striped, and its shards have a gap of so many blocks before
   * their tables (shard.ts).
   */
  | {
      readonly kind: "coded";
      readonly code: string;
      readonly data: number;
      readonly parity: number;
      readonly isStriped?: true | undefined;
      readonly gapBlocks?: number | undefined;
    };

/** A scheme of shards. */
export type ShardScheme = Extract<Scheme, { readonly kind: "coded" }>;

/**
 * The state when the member was last seen: it is for people and for counting, and nothing is
 * removed because of it.
 *
 * - `missing`: no file of it is at its path.
 * - `damaged`: its file is there, but its header, its length or some of its bytes are not as they
 *   were written.
 * - `behind`: it ends before the extent does: its disk did not take the last appends.
 */
export type MemberState = "whole" | "missing" | "damaged" | "behind";

export interface MemberOnDisk {
  readonly disk: DiskId;
  readonly state: MemberState;
  /**
   * What its blocks come to: of a shard the checksum of its block table (shard.ts); of a copy,
   * whose records prove it, the root of its digest tree once scrub has read it, so that copies are
   * compared by it (extent/digest-tree.ts). Else 0.
   */
  readonly tableChecksum: number;
}

/** A copy that is whole. */
export function copyOn(disk: DiskId): MemberOnDisk {
  return { disk, state: "whole", tableChecksum: 0 };
}

/** A file of an extent that is not yet, or no longer, one of its members. */
export interface MemberFile {
  readonly layout: number;
  readonly scheme: Scheme;
  /** The place among the scheme's members. */
  readonly member: number;
  readonly disk: DiskId;
}

/**
 * What decides in which scheme an extent is written and kept. It holds objects of one extent class
 * only.
 */
export interface ExtentClass {
  /** The storage class of the objects. */
  readonly storageClass: string;
  /**
   * The scheme that an operator chose for the objects' buckets; undefined where none was chosen:
   * then it is that of the storage class.
   */
  readonly bucketScheme: string | undefined;
}

/** A text that two extent classes have in common where they are the same. */
export function extentClassText({ storageClass, bucketScheme }: ExtentClass): string {
  return bucketScheme === undefined ? storageClass : `${storageClass} ${bucketScheme}`;
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
export interface ExtentRow extends ExtentClass {
  readonly state: ExtentState;
  readonly scheme: Scheme;
  readonly members: readonly MemberOnDisk[];
  /** Members refuse appends of an older epoch. */
  readonly epoch: number;
  /** The session that writes, or wrote, it. */
  readonly session: SessionId;
  readonly createdMs: number;
  readonly sealedMs: number;
  /** Bytes from the start of the file to the end of the last record; final once sealed. */
  readonly length: number;
  /** Record bytes known to be dead: a hint for choosing what to compact. 0 until reconciled. */
  readonly deadBytes: number;
  readonly droppedMs: number;
  /**
   * Which writing of the extent its members are: 0 as it was appended, and a higher one each time
   * all of it was written anew in another scheme. Files of different layouts have different names.
   */
  readonly layout: number;
  /** Files that the session `comingBy` is making. Each may be there or not, whole or not. */
  readonly coming: readonly MemberFile[];
  /** 0 where nothing is coming. */
  readonly comingBy: SessionId;
  /** Files to be removed once no read can need them, which are no members since `leavingMs`. */
  readonly leaving: readonly MemberFile[];
  readonly leavingMs: number;
}

/** All files that there may be of an extent: its members, and those that come and leave. */
export function filesOf(
  row: Pick<ExtentRow, "scheme" | "layout" | "members" | "coming" | "leaving">,
): MemberFile[] {
  const { scheme, layout } = row;
  const members = row.members.map(({ disk }, member) => ({ layout, scheme, member, disk }));
  return [...members, ...row.coming, ...row.leaving];
}

/** True if a member of this layout on the disk is one of them. */
export function isFileOf(
  row: Parameters<typeof filesOf>[0],
  disk: DiskId,
  layout: number | undefined,
): boolean {
  return filesOf(row).some((file) => file.disk === disk && file.layout === layout);
}

/** What a row says that was never coded or repaired. */
export const firstLayout = {
  layout: 0,
  coming: [],
  comingBy: 0 as SessionId,
  leaving: [],
  leavingMs: 0,
} as const satisfies Partial<ExtentRow>;

/**
 * 6: gaps in shards. 5: the scheme chosen for buckets; before, extents held objects of all buckets
 * and classes.
 */
const version = 6;
/** The place in this list is the stored number; only ever append. */
const states: readonly ExtentState[] = ["open", "sealed", "settled", "dropping", "reconciled"];
const memberStates: readonly MemberState[] = ["whole", "missing", "damaged", "behind"];

export function writeScheme(writer: ByteWriter, scheme: Scheme): void {
  if (scheme.kind === "replicated") writer.u8(0).u8(scheme.copies).u8(scheme.quorum);
  else {
    const { code, data, parity, isStriped = false, gapBlocks } = scheme;
    const kind = isStriped ? (gapBlocks === undefined ? 2 : 3) : 1;
    writer.u8(kind).text(code).u8(data).u8(parity);
    if (kind === 3) writer.u32(gapBlocks ?? 0);
  }
}

export function readScheme(reader: ByteReader): Scheme {
  const kind = reader.u8();
  if (kind === 0) return { kind: "replicated", copies: reader.u8(), quorum: reader.u8() };
  if (kind > 3) reader.fail(`scheme of kind ${kind}`);
  const shards = { code: reader.text(), data: reader.u8(), parity: reader.u8() };
  const scheme: Scheme = { kind: "coded", ...shards };
  if (kind === 1) return scheme;
  const striped: Scheme = { ...scheme, isStriped: true };
  return kind === 2 ? striped : { ...striped, gapBlocks: reader.u32() };
}

export function encodeExtentRow(row: ExtentRow): Uint8Array {
  const writer = new ByteWriter(128).u8(version).u8(states.indexOf(row.state));
  writeScheme(writer, row.scheme);
  writer.list(row.members, (member) =>
    writer.id(member.disk).u8(memberStates.indexOf(member.state)).u32(member.tableChecksum),
  );
  writer.u64(row.epoch).u64(row.session).text(row.storageClass);
  writer.u64(row.createdMs).u64(row.sealedMs).u64(row.length).u64(row.deadBytes).u64(row.droppedMs);
  writer.u32(row.layout);
  writeFiles(writer, row.coming);
  writer.u64(row.comingBy);
  writeFiles(writer, row.leaving);
  writer.u64(row.leavingMs).text(row.bucketScheme ?? "");
  return writer.finish();
}

export function decodeExtentRow(bytes: Uint8Array): ExtentRow {
  const reader = new ByteReader(bytes, "extent row");
  const found = reader.version(version);
  const row: ExtentRow = {
    state: states[reader.u8()] ?? reader.fail("unknown extent state"),
    scheme: readScheme(reader),
    members: reader.list(() => ({
      disk: reader.id<DiskId>(),
      state: memberStates[reader.u8()] ?? reader.fail("unknown state of a member"),
      tableChecksum: found < 3 ? 0 : reader.u32(),
    })),
    epoch: reader.u64(),
    session: reader.u64() as SessionId, // the field's place says which id it is
    storageClass: reader.text(),
    createdMs: reader.u64(),
    sealedMs: reader.u64(),
    length: reader.u64(),
    deadBytes: reader.u64(),
    droppedMs: reader.u64(),
    ...(found < 3 ? firstLayout : readLayout(reader)),
    bucketScheme: found < 5 ? undefined : reader.text() || undefined,
  };
  reader.end();
  return row;
}

function readLayout(
  reader: ByteReader,
): Pick<ExtentRow, "layout" | "coming" | "comingBy" | "leaving" | "leavingMs"> {
  return {
    layout: reader.u32(),
    coming: readFiles(reader),
    comingBy: reader.u64() as SessionId, // the field's place says which id it is
    leaving: readFiles(reader),
    leavingMs: reader.u64(),
  };
}

function writeFiles(writer: ByteWriter, files: readonly MemberFile[]): void {
  writer.list(files, (file) => {
    writeScheme(writer.u32(file.layout), file.scheme);
    writer.u8(file.member).id(file.disk);
  });
}

function readFiles(reader: ByteReader): MemberFile[] {
  return reader.list(() => ({
    layout: reader.u32(),
    scheme: readScheme(reader),
    member: reader.u8(),
    disk: reader.id<DiskId>(),
  }));
}

/** Why an extent cannot be read, or not all of it. */
export type LostState = Exclude<MemberState, "whole" | "behind">;

/**
 * Stands next to the row of an extent with members that are not whole, so that these are found
 * without the others.
 */
export interface ShortExtentRow {
  /** Members that are not whole. */
  readonly members: number;
  /** The reason why not all of it can be read; undefined where enough members are whole. */
  readonly lost: LostState | undefined;
  /** The extent's length. */
  readonly bytes: number;
}

/** 1: stood only where too few members were whole. */
const shortVersion = 2;

/** The second row of this extent; undefined where all its members are whole. */
export function shortExtentOf(
  row: Pick<ExtentRow, "scheme" | "members" | "length">,
): ShortExtentRow | undefined {
  const members = row.members.filter(({ state }) => state !== "whole").length;
  if (members === 0) return undefined;
  return { members, lost: lostStateOf(row), bytes: row.length };
}

/** Why not all of an extent can be read, by the noted states of its members. */
export function lostStateOf({
  scheme,
  members,
}: Pick<ExtentRow, "scheme" | "members">): LostState | undefined {
  const needed = scheme.kind === "replicated" ? Math.min(1, members.length) : scheme.data;
  const states = members.map(({ state }) => state);
  if (states.filter((state) => state === "whole").length >= needed) return undefined;
  const isAllMissing = states.every((state) => state === "whole" || state === "missing");
  return isAllMissing ? "missing" : "damaged";
}

export function encodeShortExtentRow({ members, lost, bytes }: ShortExtentRow): Uint8Array {
  const writer = new ByteWriter(16).u8(shortVersion).u8(memberStates.indexOf(lost ?? "whole"));
  return writer.u64(bytes).u8(members).finish();
}

export function decodeShortExtentRow(bytes: Uint8Array): ShortExtentRow {
  const reader = new ByteReader(bytes, "short extent row");
  const found = reader.version(shortVersion);
  const state = memberStates[reader.u8()];
  if (state === undefined || state === "behind") return reader.fail("unknown state of an extent");
  const lost = state === "whole" ? undefined : state;
  const row = { lost, bytes: reader.u64(), members: found < 2 ? 1 : reader.u8() };
  reader.end();
  return row;
}
