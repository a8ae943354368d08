import { StoreError } from "../base/errors.ts";
import { ByteReader, ByteWriter } from "./codec.ts";
import type { SessionId, StoreId } from "./ids.ts";

/** The one row of the store itself: which store this index belongs to, and how old it is. */
export interface StoreRow {
  readonly store: StoreId;
  /**
   * Counted up while the store is in use, and written to every data directory afterwards: none is
   * ever ahead of its index.
   */
  readonly generation: number;
  readonly createdMs: number;
}

/** A number that is only ever counted up (ids), or a marker (drains). */
export interface CounterRow {
  readonly value: number;
}

/**
 * A partition of the map: it holds the keys start <= (bucket id, object key) < end, both in routed
 * form.
 */
export interface PartitionRow {
  readonly start: Uint8Array;
  /** The end of the range, not included; empty: to the end of all keys. */
  readonly end: Uint8Array;
  /** Raised by every split, merge or move; a request with an older one is refused. */
  readonly epoch: number;
  /** The engine that holds its rows. */
  readonly engine: string;
}

/** A session that may commit in this partition; deleting the row fences it. */
export interface SessionRow {
  readonly startedMs: number;
  readonly role: "front-end" | "background" | "tool";
}

/** The row that a live process renews every few seconds. */
export interface LeaseRow {
  /** Counted up by each renewal: reads that begin after it begin in a later period. */
  readonly period: number;
  /** The period in which its oldest read under way began; the present one if there is none. */
  readonly oldestReadPeriod: number;
}

const version = 1;
/** 3: keys of partitions carry their ids. 2: the generation. */
const storeRowVersion = 3;
/** 2: periods in place of times. */
const leaseRowVersion = 2;
const roles: readonly SessionRow["role"][] = ["front-end", "background", "tool"];

function read<T>(bytes: Uint8Array, what: string, fields: (reader: ByteReader) => T): T {
  const reader = new ByteReader(bytes, what);
  reader.version(version);
  const row = fields(reader);
  reader.end();
  return row;
}

export function encodeStoreRow(row: StoreRow): Uint8Array {
  const writer = new ByteWriter(64).u8(storeRowVersion).id(row.store);
  return writer.u64(row.generation).u64(row.createdMs).finish();
}

export function decodeStoreRow(bytes: Uint8Array): StoreRow {
  const reader = new ByteReader(bytes, "store row");
  if (reader.version(storeRowVersion) < storeRowVersion) {
    const fix = "copy its objects into a new store with the version of Holdfast that wrote it";
    throw new StoreError("unsupported_format", `an index of an older format: ${fix}`);
  }
  const row = {
    store: reader.id<StoreId>(),
    generation: reader.u64(),
    createdMs: reader.u64(),
  };
  reader.end();
  return row;
}

export function encodeCounterRow(row: CounterRow): Uint8Array {
  return new ByteWriter(16).u8(version).u64(row.value).finish();
}

export function decodeCounterRow(bytes: Uint8Array): CounterRow {
  return read(bytes, "counter row", (reader) => ({ value: reader.u64() }));
}

export function encodePartitionRow(row: PartitionRow): Uint8Array {
  const writer = new ByteWriter().u8(version).bytes(row.start).bytes(row.end);
  return writer.u64(row.epoch).text(row.engine).finish();
}

export function decodePartitionRow(bytes: Uint8Array): PartitionRow {
  return read(bytes, "partition row", (reader) => ({
    start: reader.bytes(),
    end: reader.bytes(),
    epoch: reader.u64(),
    engine: reader.text(),
  }));
}

export function encodeSessionRow(row: SessionRow): Uint8Array {
  return new ByteWriter(16).u8(version).u64(row.startedMs).u8(roles.indexOf(row.role)).finish();
}

export function decodeSessionRow(bytes: Uint8Array): SessionRow {
  return read(bytes, "session row", (reader) => ({
    startedMs: reader.u64(),
    role: roles[reader.u8()] ?? reader.fail("unknown role"),
  }));
}

export function encodeLeaseRow(row: LeaseRow): Uint8Array {
  return new ByteWriter(32).u8(leaseRowVersion).u64(row.period).u64(row.oldestReadPeriod).finish();
}

export function decodeLeaseRow(bytes: Uint8Array): LeaseRow {
  const reader = new ByteReader(bytes, "lease row");
  const stored = reader.version(leaseRowVersion);
  const row = { period: reader.u64(), oldestReadPeriod: reader.u64() };
  reader.end();
  // 1 had times there. Processes of that version are gone: a lease of theirs says that nothing is
  // known.
  return stored < 2 ? { period: 0, oldestReadPeriod: 0 } : row;
}

/** An access key, in the system partition under its id. */
export interface AccessKeyRow {
  /**
   * Encrypted with the store's key, under the access key's id: a person who has only the index
   * cannot read it.
   */
  readonly secret: Uint8Array;
  /** Canonical user id of the owner: 64 hexadecimal digits. */
  readonly owner: string;
  /** Account id of the owner: 12 digits. */
  readonly account: string;
  /** The owner's name, for people. */
  readonly ownerName: string;
  readonly createdMs: number;
  /** Only an active key opens anything. */
  readonly state: "active" | "inactive";
}

/** An owner of access keys and buckets, in the system partition under its name. */
export interface OwnerRow {
  readonly owner: string;
  readonly account: string;
  readonly createdMs: number;
}

export function encodeAccessKeyRow(row: AccessKeyRow): Uint8Array {
  const writer = new ByteWriter().u8(version).bytes(row.secret);
  writer.text(row.owner).text(row.account).text(row.ownerName).u64(row.createdMs);
  return writer.boolean(row.state === "active").finish();
}

export function decodeAccessKeyRow(bytes: Uint8Array): AccessKeyRow {
  const reader = new ByteReader(bytes, "access key row");
  reader.version(version);
  const row: AccessKeyRow = {
    secret: reader.bytes(),
    owner: reader.text(),
    account: reader.text(),
    ownerName: reader.text(),
    createdMs: reader.u64(),
    state: reader.boolean() ? "active" : "inactive",
  };
  reader.end();
  return row;
}

export function encodeOwnerRow(row: OwnerRow): Uint8Array {
  return new ByteWriter().u8(version).text(row.owner).text(row.account).u64(row.createdMs).finish();
}

export function decodeOwnerRow(bytes: Uint8Array): OwnerRow {
  const reader = new ByteReader(bytes, "owner row");
  reader.version(version);
  const row = { owner: reader.text(), account: reader.text(), createdMs: reader.u64() };
  reader.end();
  return row;
}

/** How far each process had come with its changes at one moment. */
export interface ActivityMark {
  /** The time of the look, on the clock of `ActivityRow`. */
  readonly watchedMs: number;
  /** Sessions that had a lease, and the number of the change that renewed it last. */
  readonly sessions: readonly { readonly session: SessionId; readonly changes: number }[];
}

/** A clock of the store, which goes while its background worker does, and what it showed when. */
export interface ActivityRow {
  readonly watchedMs: number;
  /** The oldest first. */
  readonly marks: readonly ActivityMark[];
}

export function encodeActivityRow(row: ActivityRow): Uint8Array {
  const writer = new ByteWriter(256).u8(version).u64(row.watchedMs);
  writer.list(row.marks, ({ watchedMs, sessions }) => {
    writer.u64(watchedMs).list(sessions, ({ session, changes }) => {
      writer.u64(session).u64(changes);
    });
  });
  return writer.finish();
}

export function decodeActivityRow(bytes: Uint8Array): ActivityRow {
  const reader = new ByteReader(bytes, "activity row");
  reader.version(version);
  const row = {
    watchedMs: reader.u64(),
    marks: reader.list(() => ({
      watchedMs: reader.u64(),
      sessions: reader.list(() => ({
        session: reader.u64() as SessionId, // the field's place says so
        changes: reader.u64(),
      })),
    })),
  };
  reader.end();
  return row;
}
